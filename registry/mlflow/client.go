package mlflow

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// A Client speaks to one MLflow tracking server. It is made by NewClient and
// needs no closing.
type Client struct {
	base    *url.URL // without user and with no slash at its end
	auth    string   // the Authorization header, empty for none
	secrets []string // what must not show in errors
	http    *http.Client
	timeout time.Duration
	retries int
	limit   int64          // of an answer in JSON
	jitter  func() float64 // from 0 up to 1
}

// ClientOptions configure a Client. The zero value cannot be used: the URI is
// required.
type ClientOptions struct {
	// URI is where the server is, such as https://mlflow.example.com/team. A
	// user and password in it stand for Username and Password.
	URI string
	// Username and Password are sent as HTTP basic authentication; Token, if
	// they are not both given, as a bearer token.
	Username, Password, Token string
	// InsecureTLS takes any certificate of the server for good.
	InsecureTLS bool
	// ServerCertPath is a file with the PEM certificates of the authorities
	// that may vouch for the server. Empty means those of the system.
	ServerCertPath string
	// Timeout is how long the server may be silent. 0 means a minute.
	Timeout time.Duration
	// Retries is how often a request that failed for a passing reason is
	// repeated. 0 means 5, less means never. A request that would do harm if it
	// were carried out twice is repeated only if it surely was not carried out.
	Retries int
	// Transport sends the requests; InsecureTLS and ServerCertPath are of no
	// use then. nil means one like http.DefaultTransport.
	Transport http.RoundTripper
}

// ClientFromEnv returns a Client configured by the variables of MLflow's own
// clients: MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME, _PASSWORD, _TOKEN,
// _INSECURE_TLS and _SERVER_CERT_PATH. getenv is usually os.Getenv.
func ClientFromEnv(getenv func(string) string) (*Client, error) {
	env := func(name string) string { return getenv("MLFLOW_TRACKING_" + name) }
	o := ClientOptions{
		URI: env("URI"), Username: env("USERNAME"), Password: env("PASSWORD"), Token: env("TOKEN"), ServerCertPath: env("SERVER_CERT_PATH"),
	}
	switch s := strings.ToLower(env("INSECURE_TLS")); s {
	case "", "false", "0":
	case "true", "1":
		o.InsecureTLS = true
	default:
		return nil, fmt.Errorf("%w: MLFLOW_TRACKING_INSECURE_TLS is %q, want true or false", registry.ErrInput, s)
	}
	return NewClient(&o)
}

// NewClient returns a client of the server at opts.URI. It sends nothing yet.
func NewClient(opts *ClientOptions) (*Client, error) {
	if opts == nil {
		opts = &ClientOptions{}
	}
	o := *opts
	c := &Client{timeout: o.Timeout, retries: o.Retries, limit: maxAnswer, jitter: rand.Float64}
	if c.timeout <= 0 {
		c.timeout = time.Minute
	}
	if c.retries == 0 {
		c.retries = 5
	}
	// What url.Parse says would repeat the URI with the password in it.
	u, err := url.Parse(strings.TrimSpace(o.URI))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: the tracking URI is no http or https URL such as http://localhost:5000; set MLFLOW_TRACKING_URI or ClientOptions.URI", registry.ErrInput)
	}
	if u.User != nil && o.Username == "" && o.Password == "" {
		o.Username = u.User.Username()
		o.Password, _ = u.User.Password()
	}
	u.User = nil
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	c.base = u
	if err := c.authorize(o); err != nil {
		return nil, err
	}
	transport := o.Transport
	if transport == nil {
		if transport, err = newTransport(o); err != nil {
			return nil, err
		}
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// authorize sets the Authorization header.
func (c *Client) authorize(o ClientOptions) error {
	switch {
	case o.Username != "" && o.Password != "":
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(o.Username, o.Password)
		c.auth = r.Header.Get("Authorization")
	case o.Token != "":
		c.auth = "Bearer " + o.Token
	}
	if strings.ContainsFunc(c.auth, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%w: the tracking token has a line break or another control character in it; set it without", registry.ErrInput)
	}
	for _, s := range []string{o.Password, o.Token, strings.TrimPrefix(c.auth, "Basic ")} {
		if s != "" {
			c.secrets = append(c.secrets, s, url.QueryEscape(s), url.PathEscape(s))
		}
	}
	return nil
}

// newTransport returns the transport that o asks for.
func newTransport(o ClientOptions) (http.RoundTripper, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if d, ok := http.DefaultTransport.(*http.Transport); ok {
		t = d.Clone()
	}
	t.MaxIdleConnsPerHost = 16
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: o.InsecureTLS}
	if o.ServerCertPath == "" {
		return t, nil
	}
	if o.InsecureTLS {
		return nil, fmt.Errorf("%w: MLFLOW_TRACKING_INSECURE_TLS and _SERVER_CERT_PATH contradict each other; set one of them", registry.ErrInput)
	}
	pem, err := os.ReadFile(o.ServerCertPath)
	if err != nil {
		return nil, fmt.Errorf("certificates of the tracking server: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: %s holds no PEM certificate", registry.ErrInput, o.ServerCertPath)
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

// CloseIdle closes the connections that are kept open for the next request.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Version returns the version of the server, such as 3.1.4.
func (c *Client) Version(ctx context.Context) (string, error) {
	var text string
	err := c.send(ctx, request{name: "version", method: http.MethodGet, path: "/version", repeat: true}, func(r *answer) error {
		b, err := r.read(1 << 10)
		text = strings.TrimSpace(string(b))
		return err
	})
	if err != nil {
		return "", err
	}
	if _, ok := majorVersion(text); !ok {
		return "", fmt.Errorf("%w: what answers at %s is no MLflow server: it has no version", registry.ErrUnsupported, c.base.Host)
	}
	return text, nil
}

// majorVersion returns the first number of a version.
func majorVersion(text string) (int, bool) {
	head, _, ok := strings.Cut(text, ".")
	n, err := strconv.Atoi(head)
	return n, ok && err == nil && len(text) < 64
}

// drain reads a little of what is left, so that the connection can be used
// again.
func drain(r io.Reader) { _, _ = io.CopyN(io.Discard, r, 4<<10) }
