// Bench writes seeded frames without drift and with it, and sweeps them with
// package psi. bench_tools.py beside it lets Evidently and NannyML sweep the
// same frames. docs/drift.md has what both print.
//
//	go run ./internal/drift/bench data FOLDER
//	go run ./internal/drift/bench sweep FOLDER ROWS
package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/riskkit/riskkit/psi"
)

// What is written: the rows of the reference and of each window, and how many
// windows there are of each size.
const (
	referenceRows = 10000
	stableWindows = 200
	movedWindows  = 50
)

var windowRows = []int{200, 1000}

// moved are the features that drift where anything does.
var moved = []string{"length0", "term00", "level"}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 2 && args[0] == "data" {
		return writeAll(args[1])
	}
	if len(args) == 3 && args[0] == "sweep" {
		rows, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return sweepAll(args[1], rows, out)
	}
	return errors.New("usage: bench data FOLDER, or bench sweep FOLDER ROWS")
}

// A column draws the values of one feature.
type column struct {
	name string
	draw func(rng *rand.Rand, drift bool) string
}

// columns are the features of psi's own simulation: a dozen numbers, 45 words
// in 0.2% to 40% of texts, three categories. They do not depend on one another.
func columns() (all []column) {
	add := func(name string, draw func(rng *rand.Rand, drift bool) string) {
		all = append(all, column{name, draw})
	}
	for j := range 4 {
		add(fmt.Sprint("length", j), func(rng *rand.Rand, drift bool) string {
			length := 50 * math.Pow(3, float64(j)) * math.Exp(0.66*rng.NormFloat64())
			if rng.Float64() < 0.2 && drift && j == 0 {
				length *= 2
			}
			return strconv.Itoa(int(length) + 1)
		})
	}
	for j := range 4 {
		add(fmt.Sprint("ratio", j), func(rng *rand.Rand, _ bool) string {
			ratio := 0.2 * rng.Float64() * rng.Float64()
			if rng.Float64() < 0.2*float64(j) {
				ratio = 0
			}
			return strconv.FormatFloat(ratio, 'g', 6, 64)
		})
	}
	for j := range 2 {
		add(fmt.Sprint("score", j), func(rng *rand.Rand, _ bool) string {
			return strconv.FormatFloat(rng.NormFloat64(), 'g', 6, 64)
		})
	}
	for j := range 2 {
		add(fmt.Sprint("count", j), func(rng *rand.Rand, _ bool) string {
			return strconv.Itoa(int(float64(2+3*j) * rng.ExpFloat64()))
		})
	}
	for j := range 45 {
		share := 0.002 * math.Pow(200, float64(j)/44)
		add(fmt.Sprintf("term%02d", j), func(rng *rand.Rand, drift bool) string {
			if u := rng.Float64(); u < share || u < 0.05 && drift && j == 0 {
				return "1"
			}
			return "0"
		})
	}
	level := []float64{0.5, 0.3, 0.2}
	higher := []float64{0.5 * 55 / 70, 0.45, 0.2 * 55 / 70}
	add("level", func(rng *rand.Rand, drift bool) string {
		if drift {
			return category(rng, higher)
		}
		return category(rng, level)
	})
	method := []float64{0.97, 0.029, 0.001}
	add("method", func(rng *rand.Rand, _ bool) string { return category(rng, method) })
	zipf, sum := make([]float64, 30), 0.0
	for i := range zipf {
		zipf[i] = 1 / float64(i+1)
		sum += zipf[i]
	}
	for i := range zipf {
		zipf[i] /= sum
	}
	add("place", func(rng *rand.Rand, _ bool) string { return category(rng, zipf) })
	return all
}

// category draws the name of a category by their shares.
func category(rng *rand.Rand, shares []float64) string {
	u := rng.Float64()
	for i, s := range shares {
		if u < s || i == len(shares)-1 {
			return fmt.Sprint("c", i)
		}
		u -= s
	}
	return ""
}

// numeric reports whether a feature has numbers.
func numeric(name string) bool {
	return !slices.Contains([]string{"level", "method", "place"}, name)
}

// windowsFile returns the name of a file of windows.
func windowsFile(rows int, drift bool) string {
	if drift {
		return fmt.Sprintf("moved-%d.csv", rows)
	}
	return fmt.Sprintf("stable-%d.csv", rows)
}

// writeAll writes the reference and all windows, one after the other in a file.
func writeAll(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(60, 10000))
	if err := write(filepath.Join(folder, "reference.csv"), rng, referenceRows, false); err != nil {
		return err
	}
	for _, rows := range windowRows {
		if err := write(filepath.Join(folder, windowsFile(rows, false)), rng, rows*stableWindows, false); err != nil {
			return err
		}
		if err := write(filepath.Join(folder, windowsFile(rows, true)), rng, rows*movedWindows, true); err != nil {
			return err
		}
	}
	return nil
}

// write writes so many rows.
func write(name string, rng *rand.Rand, rows int, drift bool) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	all := columns()
	record := make([]string, len(all))
	for j, c := range all {
		record[j] = c.name
	}
	w := csv.NewWriter(f)
	if err := w.Write(record); err != nil {
		return err
	}
	for range rows {
		for j, c := range all {
			record[j] = c.draw(rng, drift)
		}
		if err := w.Write(record); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// A value is a number or a category.
type value struct {
	number   float64
	category string
}

// read calls use with each window of so many rows of a file. The rows are used
// again.
func read(name string, rows int, use func(names []string, window [][]value) error) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := csv.NewReader(bufio.NewReader(f))
	names, err := r.Read()
	if err != nil {
		return err
	}
	r.ReuseRecord = true
	window := make([][]value, rows)
	for i := range window {
		window[i] = make([]value, len(names))
	}
	for i := 0; ; i++ {
		record, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for j, s := range record {
			v := value{category: strings.Clone(s)}
			if numeric(names[j]) {
				v.category = ""
				if v.number, err = strconv.ParseFloat(s, 64); err != nil {
					return err
				}
			}
			window[i%rows][j] = v
		}
		if i%rows == rows-1 {
			if err := use(names, window); err != nil {
				return err
			}
		}
	}
}

// baseline counts the reference.
func baseline(folder string) (*psi.Baseline, error) {
	b, err := psi.NewBuilder(nil, nil)
	if err != nil {
		return nil, err
	}
	err = read(filepath.Join(folder, "reference.csv"), 1, func(names []string, window [][]value) error {
		for j, v := range window[0] {
			if numeric(names[j]) {
				b.Numeric(names[j], v.number)
			} else {
				b.Categorical(names[j], v.category)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.Baseline()
}

// profile counts a window.
func profile(b *psi.Baseline, names []string, window [][]value) (*psi.Profile, error) {
	p := psi.NewProfile(b)
	for _, row := range window {
		for j, v := range row {
			var err error
			if numeric(names[j]) {
				err = p.AddNumeric(names[j], v.number)
			} else {
				err = p.AddCategorical(names[j], v.category)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// tally is what sweeps of windows of one kind came to.
type tally struct {
	windows, any int
	drifted      int             // features of all windows
	found        map[string]int  // by feature that moves where anything does
	times        []time.Duration // to count and compare a window
	compare      []time.Duration // to compare it alone
}

// count sweeps the windows of one file.
func count(b *psi.Baseline, folder string, rows int, drift bool) (*tally, error) {
	t := &tally{found: map[string]int{}}
	err := read(filepath.Join(folder, windowsFile(rows, drift)), rows, func(names []string, window [][]value) error {
		start := time.Now()
		p, err := profile(b, names, window)
		if err != nil {
			return err
		}
		counted := time.Now()
		report, err := psi.Compare(p, nil)
		if err != nil {
			return err
		}
		t.times = append(t.times, time.Since(start))
		t.compare = append(t.compare, time.Since(counted))
		t.windows++
		if report.Status == psi.StatusMonitor || report.Status == psi.StatusAlert {
			t.any++
		}
		for _, f := range report.Features {
			if f.Status != psi.StatusMonitor && f.Status != psi.StatusAlert {
				continue
			}
			if t.drifted++; slices.Contains(moved, f.Name) {
				t.found[f.Name]++
			}
		}
		return nil
	})
	return t, err
}

// sweepAll prints the line of the table for one size of windows.
func sweepAll(folder string, rows int, out io.Writer) error {
	start := time.Now()
	b, err := baseline(folder)
	if err != nil {
		return err
	}
	fit := time.Since(start)
	stable, err := count(b, folder, rows, false)
	if err != nil {
		return err
	}
	drifted, err := count(b, folder, rows, true)
	if err != nil {
		return err
	}
	share := func(k, n int) string { return strconv.FormatFloat(100*float64(k)/float64(max(n, 1)), 'f', 1, 64) }
	times, compare := slices.Concat(stable.times, drifted.times), slices.Concat(stable.compare, drifted.compare)
	if len(times) == 0 {
		return errors.New("no windows of that many rows")
	}
	slices.Sort(times)
	slices.Sort(compare)
	ms := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds()*1000, 'f', 2, 64) }
	alarms, found := share(stable.any, stable.windows), share(drifted.any, drifted.windows)
	cells := []string{
		"riskkit", strconv.Itoa(rows), fmt.Sprint(stable.windows, " + ", drifted.windows), ms(times[len(times)/2]), peak(),
		alarms, alarms, share(stable.drifted, stable.windows*b.NumFeatures()), found, found,
	}
	var wrong []string
	for _, name := range moved {
		cells = append(cells, share(drifted.found[name], drifted.windows))
		wrong = append(wrong, name+" "+share(stable.found[name], stable.windows))
	}
	_, err = fmt.Fprintf(out, "| %s |\n  %s; %d timed, least %s ms; Compare alone: median %s ms, least %s; "+
		"reading and counting the reference: %s ms; without drift %s\n",
		strings.Join(cells, " | "), runtime.Version(), len(times), ms(times[0]), ms(compare[len(compare)/2]), ms(compare[0]),
		ms(fit), strings.Join(wrong, ", "))
	return err
}

// peak returns the most memory that the process had, in MB, as Linux tells.
func peak() string {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "?"
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	kb, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(rest, "kB", 2)[0]))
	if err != nil {
		return "?"
	}
	return strconv.Itoa((kb*1024 + 500_000) / 1_000_000)
}
