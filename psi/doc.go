// Package psi notices when the texts that come in are no longer like those that
// a model learned from.
//
// A [FeatureExtractor], by default [TextFeatures], turns each text into a few
// light numbers. A [Baseline] says how they were distributed at training time;
// a [Profile] counts the same bins in a window since. [Compare] measures the
// distance between the two by the population stability index and judges it by
// the familiar lines, 0.1 and 0.25, but also by how much of it chance alone
// would give at these sample sizes. A [Monitor] does all of that beside a
// running service, and counts features of the host's own too; a [Scheduler]
// sweeps it from time to time and tells when the status changed for good.
//
// [Words] counts terms in bounded memory, from which [CompareWords] names those
// that are new and those that vanished. A [PageHinkley] test sees a sudden change
// of a stream, such as the scores, that a daily sweep would see too late.
//
// # The population stability index
//
// Over the bins i of a feature, with shares b of the baseline and r of the
// recent texts,
//
//	PSI = Σ (rᵢ - bᵢ) ln(rᵢ / bᵢ),
//
// the symmetrised Kullback-Leibler divergence. Without drift, and with n and m
// texts, PSI / (1/n + 1/m) follows a χ² distribution with B-1 degrees of
// freedom over B bins (Yurdakul, Statistical Properties of Population Stability
// Index, 2018). So ten bins and a hundred texts a side give a PSI of 0.18 on
// average where nothing has changed: the lines alone mislead on small samples.
package psi
