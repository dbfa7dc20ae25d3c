// Package tfidf turns texts into sparse TF-IDF vectors, with the meaning and
// the names of scikit-learn's TfidfVectorizer.
//
// [Fit] learns a vocabulary and its inverse document frequencies from a stream
// of texts; the [Vectorizer] it returns turns one text at a time into the
// indices and values of the features that it has, appended to slices that the
// caller uses again. Vocabularies equal scikit-learn's, and values to 1e-12, on
// all that Unicode 14 has, as Python 3.11 does; of the characters that came
// later Go knows some as letters that Python does not.
//
// Terms are n-grams of words, cut as (?u)\b\w\w+\b does, or of characters, after
// letters are lower-cased as Python does it and, if wanted, lose their accents.
// Stop words, by language from bbalet/stopwords or listed, and stems by
// kljensen/snowball are options.
//
// A [Corpus] keeps the terms of many texts: several Vectorizers can be fitted on
// it, or on parts of it, and these texts turned into vectors, without reading
// them again. Terms are looked up as paths of numbers in tables of a few hundred
// kilobytes, not as strings in a map, which is where the speed comes from.
//
// [Hashing], which is scikit-learn's HashingVectorizer, needs no vocabulary, and
// [Union], its FeatureUnion, puts several side by side: words and characters,
// say.
package tfidf
