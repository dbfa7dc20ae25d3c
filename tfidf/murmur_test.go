package tfidf

import (
	"testing"

	"github.com/riskkit/riskkit/internal/fixture"
)

// TestMurmur3EqualsScikitLearn holds hashes of texts of every length up to some
// bytes, in many scripts, against murmurhash3_32.
func TestMurmur3EqualsScikitLearn(t *testing.T) {
	var f struct {
		Murmurhash3 []struct {
			Text string
			Hash int32
		}
	}
	fixture.Load(t, "tfidf", &f)
	if len(f.Murmurhash3) == 0 {
		t.Fatal("no hashes")
	}
	for _, c := range f.Murmurhash3 {
		if got := int32(murmur3([]byte(c.Text))); got != c.Hash {
			t.Errorf("hash of %q is %d, scikit-learn has %d", c.Text, got, c.Hash)
		}
	}
}
