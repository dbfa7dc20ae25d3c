// Package registry keeps the versions of named models, which of them is in
// staging and in production, and the whole history of how that came to be.
//
// A registry is a log. Registering a version, promoting it, archiving it,
// naming it by an alias, rolling it out to a share of the documents and rolling
// back each append one [Event] to the log of its model; versions, stages,
// aliases, the [Rollout] and what a rollback returns to follow from folding that
// log into a [State]. Nothing is ever changed in place, so who
// moved what, when and why is always known. Each event carries the hash of the
// one before it, and every file its SHA-256, which is compared on every load;
// [Log.Verify] checks all of it.
//
// [Log] is that registry on any [Store]; [NewMem] and [OpenDir] make the stores
// that come with this package, sqlstore, blobstore and mlflow have others, and
// [Copy] takes a registry from one to another. Package registrytest has the
// conformance suites that every Store and every [Registry] must pass.
//
// # Errors
//
// Errors wrap ErrInput (what was asked for makes no sense), ErrNotFound,
// ErrConflict (the registry's state is not what the caller thinks, or does not
// allow it), ErrDenied (an approval is missing), ErrCorrupt (stored bytes are
// not what was written; [Damage] says where), ErrUntrusted (they are not signed
// as they should be) or ErrUnsupported (a store cannot do that); others come
// from the Store or the context.
//
// # Concurrency
//
// Everything in this package is safe for concurrent use, and a directory may be
// used by several processes at once.
package registry
