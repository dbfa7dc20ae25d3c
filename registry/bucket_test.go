package registry_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/registry"
)

// bucketCase is one of internal/sklearn/rollout_fixture.py.
type bucketCase struct {
	Rollout, Key string
	Bucket       int
}

// TestBucketEqualsScikitLearn has the buckets that scikit-learn's murmurhash3_32
// gives, of texts of every length up to some bytes and in many scripts.
func TestBucketEqualsScikitLearn(t *testing.T) {
	files := []string{filepath.Join("testdata", "sklearn.json")}
	if dir := os.Getenv("RISKKIT_FIXTURES"); dir != "" {
		files = append(files, filepath.Join(dir, "rollout.json"))
	}
	for _, file := range files {
		var f struct{ Buckets []bucketCase }
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &f)
		}
		if err != nil || len(f.Buckets) == 0 {
			t.Fatal(file, len(f.Buckets), err)
		}
		for _, c := range f.Buckets {
			if got := registry.Bucket(c.Rollout, c.Key); got != c.Bucket {
				t.Errorf("bucket of %q, %q is %d, want %d", c.Rollout, c.Key, got, c.Bucket)
			}
		}
	}
}

// TestBucketTable has the test vectors that docs/mlops.md publishes.
func TestBucketTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "mlops.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| rollout | key | bucket |")
	rows := 0
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(row), "|")
		if len(cells) != 5 {
			if rows > 0 {
				break
			}
			continue
		}
		want, err := strconv.Atoi(strings.TrimSpace(cells[3]))
		if err != nil {
			continue // the line under the head
		}
		rows++
		rollout, key := strings.Trim(cells[1], " `"), strings.Trim(cells[2], " `")
		if got := registry.Bucket(rollout, key); got != want {
			t.Errorf("bucket of %q, %q is %d, the table says %d", rollout, key, got, want)
		}
	}
	if rows < 5 {
		t.Errorf("the table has %d rows", rows)
	}
}

// keysOf are kinds of keys as hosts have them.
var keysOf = map[string]func(i int) string{
	"numbers":  strconv.Itoa,
	"tickets":  func(i int) string { return fmt.Sprintf("INC-%07d", i) },
	"mail":     func(i int) string { return fmt.Sprintf("user%d@example.com", i) },
	"in front": func(i int) string { return fmt.Sprintf("%d/customers/accounts/of/the/north", i) },
	"bits":     func(i int) string { return string([]byte{byte(i), byte(i >> 8), byte(i >> 16), 0}) },
}

// TestBucketShares counts, for every share from 0 to 10000 basis points, how
// many of 100,000 keys it takes: within half a point. Chance alone would be
// beyond that at some share in 1.3% of such tests (Kolmogorov's distribution at
// 0.005·√100000 = 1.58), so that it must not be in several of these.
func TestBucketShares(t *testing.T) {
	const n = 100_000
	for _, rollout := range []string{"a", "3f2a9c1d5e7b8046", "canary of June"} {
		for kind, key := range keysOf {
			var counts [10000]int
			for i := range n {
				counts[registry.Bucket(rollout, key(i))]++
			}
			worst, below := 0.0, 0
			for share, c := range counts {
				worst = max(worst, math.Abs(float64(below)/n-float64(share)/10000))
				below += c
			}
			if t.Logf("%s, %s: %.2f points at worst", rollout, kind, 100*worst); worst > 0.005 {
				t.Errorf("%s, %s: a share is wrong by %.2f points", rollout, kind, 100*worst)
			}
		}
	}
}

// TestBucketIndependence compares the buckets of the same keys in two rollouts:
// their 10 × 10 table of tenths must be what chance makes of it. The 99.9%
// quantile of chi-squared with 81 degrees of freedom is 126.1 (SciPy's
// chi2.ppf(0.999, 81)).
func TestBucketIndependence(t *testing.T) {
	const n = 100_000
	for _, pair := range [][2]string{{"a", "b"}, {"june", "july"}, {"rollout-1", "rollout-2"}, {"3f2a9c1d5e7b8046", "3f2a9c1d5e7b8047"}} {
		for kind, key := range keysOf {
			var table [10][10]int
			for i := range n {
				k := key(i)
				table[registry.Bucket(pair[0], k)/1000][registry.Bucket(pair[1], k)/1000]++
			}
			var rows, columns [10]float64
			for i := range 10 {
				for j := range 10 {
					rows[i] += float64(table[i][j])
					columns[j] += float64(table[i][j])
				}
			}
			chi2 := 0.0
			for i := range 10 {
				for j := range 10 {
					want := rows[i] * columns[j] / n
					chi2 += (float64(table[i][j]) - want) * (float64(table[i][j]) - want) / want
				}
			}
			if chi2 > 126.1 {
				t.Errorf("%v, %s: chi-squared is %.1f", pair, kind, chi2)
			}
		}
	}
}

// FuzzBucket compares with the hash as its description has it.
func FuzzBucket(f *testing.F) {
	f.Add("a", "key")
	f.Add("", "")
	f.Add("3f2a9c1d5e7b8046", "größer")
	f.Fuzz(func(t *testing.T, rollout, key string) {
		if got, want := registry.Bucket(rollout, key), int(slowMurmur(rollout+"\x00"+key)%10000); got != want {
			t.Fatalf("bucket of %q, %q is %d, want %d", rollout, key, got, want)
		}
	})
}

// slowMurmur is MurmurHash3_x86_32 with seed 0, block by block.
func slowMurmur(s string) uint32 {
	h := uint32(0)
	for i := 0; i < len(s); i += 4 {
		k := uint32(0)
		for j, c := range []byte(s[i:min(i+4, len(s))]) {
			k += uint32(c) << (8 * j)
		}
		k *= 0xcc9e2d51
		k = bits.RotateLeft32(k, 15)
		h ^= k * 0x1b873593
		if i+4 <= len(s) {
			h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
		}
	}
	h ^= uint32(len(s))
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

// TestKnownHashes has published hashes of MurmurHash3_x86_32.
func TestKnownHashes(t *testing.T) {
	for s, want := range map[string]uint32{ // Wikipedia, MurmurHash, seed 0
		"": 0, "test": 0xba6bd213, "Hello, world!": 0xc0363e43, "The quick brown fox jumps over the lazy dog": 0x2e4ff723,
	} {
		if got := slowMurmur(s); got != want {
			t.Errorf("hash of %q is %#x, want %#x", s, got, want)
		}
	}
}

func TestBucketAllocates(t *testing.T) {
	if race.Enabled {
		t.Skip("counts allocations")
	}
	r := &registry.Rollout{ID: "3f2a9c1d5e7b8046", BasisPoints: 500, Tags: []string{"internal", "pilot"}}
	key, tags := strings.Repeat("k", 1000), []string{"network", "disk"}
	if n := testing.AllocsPerRun(100, func() { r.Takes(key, tags) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBucket(b *testing.B) {
	key := "customer/0123456789abcdef/incident/004711" // 40 bytes and a bit
	for b.Loop() {
		registry.Bucket("3f2a9c1d5e7b8046", key[:40])
	}
}
