// Package blobstore keeps a registry in a bucket of object storage: on Amazon
// S3 and servers that speak its language, Google Cloud Storage and Azure Blob
// Storage, through gocloud.dev/blob.
//
// The host opens the bucket with the driver that it likes, and closes it:
//
//	bucket, err := blob.OpenBucket(ctx, "s3://models?region=eu-central-1")
//	store, err := blobstore.New(bucket, nil)
//	reg := registry.New(store, nil)
//
// Objects are named as the files of a [registry.Dir] are, so a bucket copied to
// a directory opens with registry.OpenDir, and the other way round:
//
//	models/NAME/000000000001.json   the events of a model, one object each
//	blobs/ab/abcdef…                blobs by the digits of their digest
//	tmp/probe                       what conditional writes are tried with
//
// # Conditional writes
//
// An event is stored by a write that fails if its object is there already. Of
// those who write the same position, one gets it. Amazon S3, Google Cloud
// Storage and Azure have such writes, and so have newer versions of most
// servers that speak S3. A server that ignores the condition would lose events
// without a word. So before its first Append a [Store] writes tmp/probe, twice
// if need be; where the server does not refuse to write what is there, every
// Append is an error that wraps registry.ErrUnsupported.
//
// Of the drivers that keep a bucket in this process, memblob has conditional
// writes. Those of fileblob are not atomic: two writers can both succeed, and
// one event is lost. A bucket of fileblob can be read but not appended to; use
// registry.OpenDir, which is made for directories.
//
// # Requests
//
// A registry.Log that knows a model asks for three objects, at the same time,
// to see that it still does; for one more where there is one new event. The
// first time it asks for every event since the last snapshot, eight at a time.
// An Append takes two requests, and one more where somebody else was first.
//
// # Permissions
//
// Reading needs to get and to list objects: without the permission to list, S3
// does not tell what is not there from what is forbidden. Registering and
// moving need to put objects, and deleting blobs needs to delete them. Only
// blobs are ever deleted; nothing else is ever written again but tmp/probe,
// which can be deleted while nobody appends. A rule of the bucket that aborts
// multipart uploads after some days clears up after writers of large blobs that
// were killed.
package blobstore
