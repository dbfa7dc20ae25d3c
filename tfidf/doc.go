// Package tfidf turns texts into sparse TF-IDF vectors, with the meaning and
// the names of scikit-learn's TfidfVectorizer.
//
// [Fit] learns a vocabulary and its inverse document frequencies from a stream
// of texts; the [Vectorizer] it returns turns one text at a time into the
// indices and values of the features that it has, appended to slices that the
// caller uses again. Vocabularies equal scikit-learn's, and values to 1e-12;
// words are cut as (?u)\b\w\w+\b does and lower-cased as Python does it. Stop
// words, by language from bbalet/stopwords or listed, and stems by
// kljensen/snowball are options.
package tfidf
