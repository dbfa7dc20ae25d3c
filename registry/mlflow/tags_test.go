package mlflow

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/registry"
)

func TestTagNames(t *testing.T) {
	for key, want := range map[string]string{
		"team": "team", "a/b.c-d e_f": "a/b.c-d e_f", "größe:x": "gr__e_x", "/abs": "_abs", "..": "__", "a//b": "a__b", "./x.y": "__x_y", ".": "_", "": "",
		strings.Repeat("x", 300): strings.Repeat("x", 250),
	} {
		if got := tagName(key); got != want {
			t.Errorf("%q becomes %q, want %q", key, got, want)
		}
	}
}

// TestLongTexts keeps to MLflow's limits whatever a version says.
func TestLongTexts(t *testing.T) {
	long := strings.Repeat("ü", 20_000)
	v := registry.Version{
		Model: "m", Number: 3, CreatedAt: time.Unix(1, 0), Actor: long, Description: long, Key: long, Tags: map[string]string{"riskkit.version": "7", "mlflow.user": "x", long: long},
		Lineage: &registry.Lineage{Data: long, Code: long, Run: long, Seed: 1, Parent: 2},
	}
	for i := range 100 {
		v.Tags[strings.Repeat("k", 100)+string(rune('A'+i))] = "v"
	}
	tags := versionTags(v)
	if err := checkPairs("tag", tags, maxVersionTag); err != nil {
		t.Error(err)
	}
	if err := checkPairs("tag", runTags(v), maxTag); err != nil {
		t.Error(err)
	}
	if tags[tagVersion] != "3" || tags["mlflow.user"] != "" || tags["riskkit.parent"] != "2" {
		t.Errorf("tags are %.1000v", tags)
	}
	if text := describe(&Publication{}, v); utf8.RuneCountInString(text) != maxDescription {
		t.Errorf("the description has %d characters", utf8.RuneCountInString(text))
	}
	if d := shortDigest(long); utf8.RuneCountInString(d) != 36 {
		t.Errorf("a digest of a dataset is %q", d)
	}
}

func TestMLmodel(t *testing.T) {
	v := registry.Version{Model: "m", Number: 3, CreatedAt: time.Unix(0, 0), Schema: &registry.Schema{
		Inputs: []registry.Column{{Name: "it's", Type: "string"}}, Outputs: []registry.Column{{Name: "score", Type: "double", Optional: true}},
	}}
	const head = "artifact_path: model\nutc_time_created: '1970-01-01 00:00:00.000000'\nflavors:\n  riskkit: " +
		`{"format":1,"model":"m","version":3,"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","data":"data","files":null}` + "\n"
	want := head + "signature:\n  inputs: '[{\"name\":\"it''s\",\"required\":true,\"type\":\"string\"}]'\n  outputs: '[{\"name\":\"score\",\"required\":false,\"type\":\"double\"}]'\n"
	if diff := cmp.Diff(want, string(mlmodel(v))); diff != "" {
		t.Error(diff)
	}
	v.Schema.Outputs[0].Type = "float128" // MLflow would not load it
	if diff := cmp.Diff(head, string(mlmodel(v))); diff != "" {
		t.Error(diff)
	}
}

func TestOlder(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{{"1", "2", true}, {"2", "1", false}, {"9", "10", true}, {"10", "9", false}, {"3", "3", false}} {
		if got := older(test.a, test.b); got != test.want {
			t.Errorf("%s is older than %s: %t", test.a, test.b, got)
		}
	}
}
