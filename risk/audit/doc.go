// Package audit writes down what a risk.Service answered, so that it can be shown
// later what was said, by which model and why, and that nobody changed it since.
// What it keeps can be read back, for sweeps, evaluation and retraining.
//
// A [Log] is a risk.Observer and a risk.FeedbackSink. It writes to a [Sink]: a
// directory ([Dir]), tables of a database ([SQL]), or the host's own.
//
//	dir, err := audit.OpenDir("/var/lib/incidents/audit", &audit.DirOptions{Create: true})
//	log, err := audit.Open(ctx, dir, "web-1", &audit.Options{Key: key, OnError: report})
//	svc, err := risk.NewService(ctx, &risk.ServiceOptions{Observers: risk.Observers{log}, Feedback: log})
//	…
//	err = log.Close()
//
// # Format
//
// A record is a line of JSON. Each ends with its hash:
//
//	{"seq":17,"kind":"scored","time":"…","id":"INC-4","assessment":{…},…,"hash":"9f86…"}
//
// The hash is the SHA-256 of the 32 bytes of the hash before and of the line up
// to, and without, ,"hash": so that every byte of a chain is under its last hash.
// Each writer, a process, has a chain of its own, and nobody waits for another.
// A chain is cut into segments: files named by the number of their first record,
// which has the hash before it; the last one of a sealed segment says how many
// there are and of which times. There is no other file that must be right:
// a checkpoint beside a chain says where it stood when a segment was sealed.
//
// # What the chain proves
//
// [Verify] finds every byte that was changed, and every record and segment that
// was taken out, put in or moved, in sealed segments. Who can write to the log can
// write all of it anew from some record on, and cut records off an end that is
// not yet sealed. Against that there are checkpoints that are kept elsewhere:
// Options.OnCheckpoint, VerifyOptions.Checkpoints.
//
// # What can be lost
//
// With SyncEach nothing is that Scored returned for in time, with SyncInterval
// what happened within the last interval. What could not be written, because the
// disk was full or too slow, is counted and told to Options.OnError, and a record
// says how many are missing.
package audit
