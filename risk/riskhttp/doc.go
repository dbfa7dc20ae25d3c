// Package riskhttp answers for a [risk.Service] over HTTP, as a handler for the
// host's own mux:
//
//	POST /risk              assess one incident; ?explain=n lists n terms
//	POST /risk/batch        assess a stream of incidents, a line each
//	POST /risk/feedback     take an operator's verdict
//	GET  /risk/status       version, rollout, breaker, drift
//	GET  /risk/openapi.json this interface, as OpenAPI 3.1
//	GET  /healthz           the process lives
//	GET  /readyz            it wants requests
//
// It has no listener, no TLS and no authentication: who may ask is for the host
// to say, in front of this handler, and so are the limits of the http.Server.
// Nothing in it runs by itself. docs/http.md tells how to mount and limit it.
//
// # Requests
//
// What comes in is read strictly: a field that is not known or stands twice, a
// value of another type, null, data after the end, and text that is not UTF-8
// are errors that name their place. The shapes are flat, so there is no depth to
// bound. Bodies and lines are limited in size, in the time that they may take to
// come in, and in what all of them together hold in memory.
//
// # Answers
//
// Answers are JSON, byte for byte as encoding/json writes them, and errors are
// problem details (RFC 9457); see [Problem]. Each answer has the X-Request-ID of
// the request, or a new one.
package riskhttp
