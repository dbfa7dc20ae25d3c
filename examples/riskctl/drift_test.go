package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/corpus"
	"github.com/riskkit/riskkit/psi"
)

// TestDrift tests drift, against one version trained on usual incidents.
func TestDrift(t *testing.T) {
	reg := filepath.Join(t.TempDir(), "registry")
	must(t, "", "train", "-registry", reg, "-data", incidents(t, corpus.Usual(1, 300)))
	for name, test := range map[string]func(t *testing.T, reg string){
		"windows": testDriftWindows, "out of order": testDriftOutOfOrder, "follow": testDriftFollow, "ends": testDriftEnds, "usage": testDriftUsage,
	} {
		t.Run(name, func(t *testing.T) { test(t, reg) })
	}
}

// dated returns incidents a third of an hour apart from a time on, so that a day
// has 72.
func dated(all []corpus.Incident, from time.Time) []corpus.Incident {
	for i := range all {
		all[i].CreatedAt = from.Add(time.Duration(i) * 20 * time.Minute)
	}
	return all
}

// lines decodes what drift -json printed.
func driftLines(t testing.TB, out string) (all []drifted) {
	t.Helper()
	for line := range strings.Lines(out) {
		all = append(all, decode[drifted](t, line))
	}
	return all
}

// short says what matters of windows.
func short(all []drifted) (s []string) {
	for _, x := range all {
		open := ""
		if x.Open {
			open = " open"
		}
		s = append(s, fmt.Sprintf("%s %d %s late %d%s", x.Period, x.NRecent, x.Status, x.Late, open))
	}
	return s
}

// testDriftWindows cuts the same incidents in every way: 13 days of usual ones from
// Wednesday, 2025-12-24, and 7 days of others.
func testDriftWindows(t *testing.T, reg string) {
	from := time.Date(2025, 12, 24, 0, 0, 0, 0, time.UTC)
	all := slices.Concat(dated(corpus.Usual(2, 13*72), from), dated(corpus.Shifted(3, 7*72), from.AddDate(0, 0, 13)))
	data := incidents(t, all)
	text, err := os.ReadFile(data)
	if err != nil {
		t.Fatal(err)
	}
	at := []string{"drift", "-registry", reg, "-data"}
	for name, want := range map[string][]string{
		"":            {"2025-12 576 stable late 0", "2026-01 864 alert late 0 open"},
		"-every week": {"2025-W52 360 stable late 0", "2026-W01 504 stable late 0", "2026-W02 504 alert late 0", "2026-W03 72 insufficient_data late 0 open"},
		"-every 120h": {
			"2025-12-21T00:00:00Z 144 stable late 0", "2025-12-26T00:00:00Z 360 stable late 0",
			"2025-12-31T00:00:00Z 360 stable late 0", "2026-01-05T00:00:00Z 360 alert late 0", "2026-01-10T00:00:00Z 216 alert late 0 open",
		},
		"-count 600": {"1-600 600 stable late 0", "601-1200 600 alert late 0", "1201-1440 240 alert late 0 open"},
		"-count 720": {"1-720 720 stable late 0", "721-1440 720 alert late 0"},
	} {
		args := append(slices.Clone(at), data, "-json")
		got := driftLines(t, must(t, "", append(args, strings.Fields(name)...)...))
		if diff := cmp.Diff(want, short(got)); diff != "" {
			t.Errorf("drift %s (-want +got):\n%s", name, diff)
		}
		n, last := int64(0), time.Time{}
		for _, x := range got {
			if n += x.NRecent; x.Version != "1" || x.NBaseline != 300 || len(x.Features) != 64 || x.From.Before(last) || !x.To.After(x.From) {
				t.Errorf("drift %s: %+v", name, x)
			}
			last = x.From
			moved, judged := 0, 0
			for _, f := range x.Features {
				if f.Status != psi.StatusInsufficient {
					judged++
				}
				if f.Status == psi.StatusMonitor || f.Status == psi.StatusAlert {
					moved++
				}
			}
			if x.Drifted != float64(moved)/float64(max(1, judged)) || len(x.Moved) != min(2, moved)+words(x.Words) || moved > 0 && x.Moved[0] != x.Features[0].Moved {
				t.Errorf("drift %s: %v drifted, %q moved, of %+v", name, x.Drifted, x.Moved, x.Features)
			}
		}
		if n != int64(len(all)) {
			t.Errorf("drift %s: %d incidents in windows of %d", name, n, len(all))
		}
	}
	days := driftLines(t, must(t, string(text), append(at, "-", "-json", "-every", "day")...))
	if len(days) != 20 || days[0].Period != "2025-12-24" || days[19].Period != "2026-01-12" || days[3].NRecent != 72 || days[3].Status != psi.StatusInsufficient {
		t.Errorf("days: %v", short(days))
	}
	out := must(t, "", append(at, data)...)
	rows := strings.Split(out, "\n")
	if len(rows) != 4 || !strings.HasPrefix(rows[0], "PERIOD ") || !strings.Contains(rows[1], "2025-12 ") || !strings.Contains(rows[1], "stable") ||
		!strings.Contains(rows[2], "alert") || !strings.Contains(rows[2], "at training; ") || !strings.HasSuffix(rows[2], "at training (so far)") {
		t.Errorf("drift prints\n%s", out)
	}
	if keys := keys(t, must(t, "", append(at, data, "-json", "-count", "1440")...)); !slices.Equal(keys[:10], []string{"model", "version", "period", "from", "to", "open", "late", "moved", "status", "n_baseline"}) {
		t.Errorf("drift -json prints %q", keys)
	}
}

// testDriftOutOfOrder shuffles incidents: within a window it makes no
// difference, across windows each is in its window, late, or without a time.
func testDriftOutOfOrder(t *testing.T, reg string) {
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(5, 5))
	ordered := dated(corpus.Usual(2, 6*72), from)
	args := []string{"drift", "-registry", reg, "-every", "48h", "-json", "-data"}
	want := must(t, "", append(args, incidents(t, ordered))...)

	within := slices.Clone(ordered)
	for i := 0; i < len(within); i += 144 {
		part := within[i : i+144]
		rng.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	if got := must(t, "", append(args, incidents(t, within))...); got != want {
		t.Errorf("shuffled within windows drift prints\n%s, in order\n%s", got, want)
	}

	for range 3 {
		mixed := slices.Clone(ordered)
		for i := range mixed {
			if rng.IntN(20) == 0 {
				mixed[i].CreatedAt = time.Time{}
			} else if j := i + rng.IntN(min(40, len(mixed)-i)); rng.IntN(4) == 0 && !mixed[j].CreatedAt.IsZero() {
				mixed[i], mixed[j] = mixed[j], mixed[i]
			}
		}
		inWindow, late, timeless, newest := int64(0), 0, 0, time.Time{}
		for _, x := range mixed { // said plainly
			switch at := x.CreatedAt.Truncate(48 * time.Hour); {
			case x.CreatedAt.IsZero():
				timeless++
			case at.Before(newest):
				late++
			default:
				newest = at
				inWindow++
			}
		}
		code, out, errs := call(t, "", append(args, incidents(t, mixed))...)
		n, lates := int64(0), 0
		for _, x := range driftLines(t, out) {
			n += x.NRecent
			lates += x.Late
		}
		if code != 0 || n != inWindow || lates != late || late == 0 || timeless == 0 ||
			!strings.Contains(errs, fmt.Sprintf("%d incidents came late", late)) || !strings.Contains(errs, fmt.Sprintf("%d incidents have no created_at", timeless)) {
			t.Errorf("ended with %d, %d in windows, want %d, %d late, want %d, %d without a time: %s", code, n, inWindow, lates, late, timeless, errs)
		}
		if code, out, _ := call(t, "", append(args[:3:3], "-json", "-count", "1000", "-data", incidents(t, mixed))...); code != 0 || driftLines(t, out)[0].NRecent != int64(len(mixed)) {
			t.Errorf("by count ended with %d: %s", code, out)
		}
	}
}

// encode writes incidents as JSON lines.
func encode(t testing.TB, all []corpus.Incident) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, x := range all {
		if err := json.NewEncoder(&b).Encode(x); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// testDriftFollow appends to a file, and to a pipe, piece by piece, even half a
// line, and reads each window as soon as it is closed.
func testDriftFollow(t *testing.T, reg string) {
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	week := func(i int) []corpus.Incident {
		all := corpus.Usual(uint64(10+i), 150)
		if i == 2 {
			all = corpus.Shifted(12, 150)
		}
		return dated(all, from.AddDate(0, 0, 7*i))
	}
	for _, kind := range []string{"file", "standard input", "redirected file"} {
		t.Run(kind, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "grows.jsonl")
			f, err := os.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			args := []string{"drift", "-registry", reg, "-every", "week", "-json", "-follow", "-data"}
			var cmd = process(t, append(args, name)...)
			var in io.Writer = f
			switch kind {
			case "standard input":
				cmd = process(t, append(args, "-")...)
				if in, err = cmd.StdinPipe(); err != nil {
					t.Fatal(err)
				}
			case "redirected file":
				cmd = process(t, append(args, "-")...)
				if cmd.Stdin, err = os.Open(name); err != nil {
					t.Fatal(err)
				}
			}
			var errs bytes.Buffer
			cmd.Stderr = &errs
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			write := func(b []byte) {
				t.Helper()
				if _, err := in.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			lines := bufio.NewScanner(out)
			next := func() string {
				t.Helper()
				if !lines.Scan() {
					t.Fatalf("there is no other line: %s", errs.String())
				}
				return short([]drifted{decode[drifted](t, lines.Text())})[0]
			}
			first := encode(t, week(0))
			write(first[:len(first)/2])
			write(first[len(first)/2:])
			second := encode(t, week(1))
			write(second) // which closes the first
			if got := next(); got != "2026-W10 150 stable late 0" {
				t.Errorf("the first window is %s", got)
			}
			write(bytes.ReplaceAll(first, []byte(`"id":"`), []byte(`"id":"late-`)))
			third := encode(t, week(2))
			write(third)
			if got := next(); got != "2026-W11 150 stable late 150" {
				t.Errorf("the second window is %s", got)
			}
			write(encode(t, week(3))) // closes the third, so that it has been read
			if got := next(); got != "2026-W12 150 alert late 0" {
				t.Errorf("the third window is %s", got)
			}
			write([]byte(`{"text":"half a li`)) // is not yet a line, and no error
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if got := next(); !strings.HasPrefix(got, "2026-W13 ") || !strings.HasSuffix(got, "late 0 open") {
				t.Errorf("the last window is %s", got)
			}
			if lines.Scan() {
				t.Errorf("drift prints %q after the end", lines.Text())
			}
			if err := cmd.Wait(); err != nil || !strings.Contains(errs.String(), "150 incidents came late") {
				t.Errorf("it ended with %v: %s", err, errs.String())
			}
		})
	}
}

// testDriftEnds has input that ends, and files that are cut, replaced and
// removed.
func testDriftEnds(t *testing.T, reg string) {
	args := []string{"drift", "-registry", reg, "-json", "-follow", "-count", "50", "-data"}
	text := encode(t, corpus.Usual(2, 120))
	out := driftLines(t, must(t, string(text), append(args, "-")...))
	before := runtime.NumGoroutine() // with that of package os/signal
	if diff := cmp.Diff([]string{"1-50 50 insufficient_data late 0", "51-100 50 insufficient_data late 0", "101-120 20 insufficient_data late 0 open"}, short(out)); diff != "" {
		t.Errorf("a pipe that ends (-want +got):\n%s", diff)
	}
	for name, do := range map[string]func(file string) error{
		"was cut":               func(file string) error { return os.Truncate(file, 10) },
		"was moved or replaced": os.Remove,
		"moved or replaced":     func(file string) error { return os.Rename(incidents(t, corpus.Usual(3, 10)), file) },
	} {
		file := filepath.Join(t.TempDir(), "data.jsonl")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		var errs bytes.Buffer
		code := make(chan int, 1)
		go func() {
			code <- run(t.Context(), append(args, file), streams{strings.NewReader(""), w, &errs})
			w.Close()
		}()
		lines := bufio.NewScanner(r)
		for range 2 { // the two windows that are full
			if !lines.Scan() {
				t.Fatal(lines.Err())
			}
		}
		if err := do(file); err != nil {
			t.Fatal(err)
		}
		if lines.Scan() || <-code != 1 || !strings.Contains(errs.String(), name) || !strings.Contains(errs.String(), "start again") {
			t.Errorf("%s: printed %q, %s", name, lines.Text(), errs.String())
		}
	}
	// Interrupted, in this process, nothing is left running.
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	lines := make(chan string, 10)
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
	}()
	in, feed := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append(args, "-"), streams{in, w, io.Discard})
		w.Close()
	}()
	if _, err := feed.Write(text); err != nil {
		t.Fatal(err)
	}
	<-lines
	<-lines
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("interrupted, it ended with %d", code)
	}
	for line := range lines { // of as many as had been read
		if x := decode[drifted](t, line); !x.Open || !strings.HasPrefix(x.Period, "101-") {
			t.Errorf("interrupted, it prints %s", line)
		}
	}
	feed.Close()
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i > 100 {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func testDriftUsage(t *testing.T, reg string) {
	data := incidents(t, corpus.Usual(2, 20))
	bad := filepath.Join(t.TempDir(), "bad.jsonl")
	if err := os.WriteFile(bad, []byte(`{"text":"a"}`+"\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"", 2, "-data is needed"},
		{"-data " + data + " -every year", 2, "-every is"},
		{"-data " + data + " -every 1ms", 2, "-every is"},
		{"-data " + data + " -every -1h", 2, "-every is"},
		{"-data " + data + " -count -1", 2, "-count is -1"},
		{"-data " + data + " -count 10 -every day", 2, "-count is 10"},
		{"-data " + data + " -version 7", 1, "not found"},
		{"-data " + reg + "/none", 1, "no such file"},
		{"-follow -data " + reg + "/none", 1, "no such file"},
		{"-data " + bad, 1, bad + ":2: not JSON"},
	} {
		code, out, err := call(t, "", append([]string{"drift", "-registry", reg}, strings.Fields(c.line)...)...)
		if code != c.code || !strings.Contains(err, c.want) || out != "" {
			t.Errorf("drift %s: ended with %d, printed %q and %q, want %d with %q", c.line, code, out, err, c.code, c.want)
		}
	}
	code, out, errs := call(t, "", "drift", "-registry", reg, "-skip-bad", "-count", "5", "-data", bad)
	if code != 0 || !strings.Contains(out, "1-1") || !strings.Contains(errs, "1 bad lines were passed over") {
		t.Errorf("skipping ended with %d: %s%s", code, out, errs)
	}
	// The ends of what times there are.
	const ends = `{"text":"a","created_at":"0000-01-01T00:00:00Z"}` + "\n" + `{"text":"b","created_at":"9999-12-31T23:59:59Z"}` + "\n"
	for _, every := range []string{"month", "week", "day", "1000000h"} {
		if out := driftLines(t, must(t, ends, "drift", "-registry", reg, "-json", "-data", "-", "-every", every)); len(out) != 2 || out[1].From.Year() < 9800 {
			t.Errorf("-every %s prints %v", every, short(out))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var o, e bytes.Buffer
	if code := run(ctx, []string{"drift", "-registry", reg, "-data", data}, streams{strings.NewReader(""), &o, &e}); code != 1 || !strings.Contains(e.String(), "context canceled") || o.Len() != 0 {
		t.Errorf("cancelled, it ended with %d: %s%s", code, o.String(), e.String())
	}
}

// words returns 1 where there are new words, else 0.
func words(r *psi.WordsReport) int {
	if r == nil || len(r.New) == 0 {
		return 0
	}
	return 1
}
