package mlflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/riskkit/riskkit/registry"
)

// An ArtifactInfo is what is known of a file or folder of a run.
type ArtifactInfo struct {
	Path  string // below the artifact URI
	IsDir bool
	Size  int64 // of a file
}

const artifactScheme = "mlflow-artifacts"

// artifactPath returns the escaped path behind the base of name below uri.
// Below an experiment's or a run's ArtifactURI is where a proxy serves them.
func (c *Client) artifactPath(uri, name string) (string, error) {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme != artifactScheme:
		scheme, _, _ := strings.Cut(uri, ":")
		return "", fmt.Errorf("%w: the artifacts are at %.20s:…, not behind the tracking server; start it with --serve-artifacts and use a new experiment", registry.ErrUnsupported, scheme)
	case u.Host != "" && u.Host != c.base.Host:
		return "", fmt.Errorf("%w: the artifacts are behind another server, %s; the credentials are for %s alone", registry.ErrUnsupported, u.Host, c.base.Host)
	}
	full := strings.Trim(u.Path, "/")
	if name != "" {
		full = strings.TrimPrefix(full+"/"+name, "/")
	}
	if err := checkPath(full); err != nil {
		return "", err
	}
	segments := strings.Split(full, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/"), nil
}

// checkPath returns an error unless name is a clean path that leads downwards.
func checkPath(name string) error {
	bad := name == "" || name == "." || path.Clean(name) != name || name[0] == '/' || name == ".." || strings.HasPrefix(name, "../") ||
		strings.ContainsAny(name, `\:`) || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl)
	if bad {
		return fmt.Errorf("%w: artifact path %.200q, want a clean relative one such as model/data.json", registry.ErrInput, name)
	}
	return nil
}

const artifactsRoute = "/api/2.0/mlflow-artifacts/artifacts"

// PutArtifact stores size bytes of body as a file below an artifact URI, in the
// place of what is there. It is not atomic: after an error a part may be there.
func (c *Client) PutArtifact(ctx context.Context, uri, name string, body io.ReaderAt, size int64) error {
	if err := checkPath(name); err != nil {
		return err
	}
	if strings.ContainsAny(name, "#?") {
		return fmt.Errorf("%w: artifact path %.200q: MLflow takes neither '#' nor '?' in it", registry.ErrInput, name)
	}
	p, err := c.artifactPath(uri, name)
	if err != nil {
		return err
	}
	return c.do(ctx, request{name: "artifacts put", method: http.MethodPut, path: artifactsRoute + "/" + p, body: body, size: size, repeat: true}, nil)
}

// getArtifact has handle read a file. MLflow 2 answers with a server error where
// there is none, so after such a one the folder tells.
func (c *Client) getArtifact(ctx context.Context, uri, name string, handle func(request, *answer) error) error {
	if err := checkPath(name); err != nil {
		return err
	}
	p, err := c.artifactPath(uri, name)
	if err != nil {
		return err
	}
	r := request{name: "artifacts get", method: http.MethodGet, path: artifactsRoute + "/" + p, repeat: true, doubt: true, accept: "identity"}
	err = c.send(ctx, r, func(a *answer) error { return handle(r, a) })
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusInternalServerError {
		return err
	}
	dir, _ := path.Split(name)
	all, lerr := c.ListArtifacts(ctx, uri, strings.TrimSuffix(dir, "/"))
	if lerr == nil && !slices.ContainsFunc(all, func(i ArtifactInfo) bool { return i.Path == name }) {
		e.kind = registry.ErrNotFound
		return e
	}
	r.doubt = false
	return c.send(ctx, r, func(a *answer) error { return handle(r, a) })
}

// OpenArtifact opens a file below an artifact URI. Where there is none, the
// error wraps ErrNotFound. The context holds until the reader is closed. A
// transfer that breaks off is an error of the reader.
func (c *Client) OpenArtifact(ctx context.Context, uri, name string) (io.ReadCloser, error) {
	var out *artifactReader
	err := c.getArtifact(ctx, uri, name, func(r request, a *answer) error {
		a.kept = true
		out = &artifactReader{c: c, ctx: ctx, r: r, answer: a}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// artifactReader reads an artifact as it comes.
type artifactReader struct {
	c   *Client
	ctx context.Context
	r   request
	*answer
}

func (a *artifactReader) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if n > 0 {
		a.watch.moved()
	}
	if err != nil && err != io.EOF {
		if cerr := a.ctx.Err(); cerr != nil {
			err = cerr
		}
		err = a.c.failed(a.watch, a.r, err)
	}
	return n, err
}

func (a *artifactReader) Close() error {
	err := a.body.Close()
	a.watch.stop()
	return err
}

// ReadArtifact returns a file below an artifact URI if it has at most limit
// bytes; otherwise the error wraps ErrCorrupt.
func (c *Client) ReadArtifact(ctx context.Context, uri, name string, limit int64) ([]byte, error) {
	var b []byte
	err := c.getArtifact(ctx, uri, name, func(_ request, a *answer) (err error) {
		if a.size > limit {
			return fmt.Errorf("%w: artifact %s has %d bytes, at most %d are read", registry.ErrCorrupt, name, a.size, limit)
		}
		b, err = a.read(limit)
		return err
	})
	return b, err
}

// ListArtifacts returns what is in a folder below an artifact URI, one level
// deep; nothing if it is not there. An empty dir means the top.
func (c *Client) ListArtifacts(ctx context.Context, uri, dir string) ([]ArtifactInfo, error) {
	p, err := c.artifactPath(uri, dir)
	if err != nil {
		return nil, err
	}
	if p, err = url.PathUnescape(p); err != nil {
		return nil, err
	}
	var out struct {
		Files []struct {
			Path  string `json:"path"`
			IsDir bool   `json:"is_dir"`
			Size  number `json:"file_size"`
		} `json:"files"`
	}
	r := request{name: "artifacts list", method: http.MethodGet, path: artifactsRoute, query: url.Values{"path": {p}}, repeat: true}
	if err := c.do(ctx, r, &out); err != nil {
		return nil, err
	}
	var all []ArtifactInfo
	for _, f := range out.Files {
		if checkPath(f.Path) != nil || strings.Contains(f.Path, "/") {
			return nil, fmt.Errorf("%w: the server lists an artifact with the name %.200q, which leads elsewhere", registry.ErrCorrupt, f.Path)
		}
		all = append(all, ArtifactInfo{Path: path.Join(dir, f.Path), IsDir: f.IsDir, Size: int64(f.Size)})
	}
	return all, nil
}
