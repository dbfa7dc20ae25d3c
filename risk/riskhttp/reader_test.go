package riskhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/riskkit/riskkit/risk"
)

// TestPlaces has faults of every kind name their place.
func TestPlaces(t *testing.T) {
	for _, x := range []struct {
		data, pointer string
		offset        int
		detail        string
	}{
		{``, "", 0, "want an object, found the end"},
		{` null`, "", 1, "want an object, found null"},
		{`[`, "", 0, "want an object, found an array"},
		{`{`, "", 1, "want the name of a field, found the end"},
		{`{"text":"a"`, "", 11, "want a comma or }, found the end"},
		{`{"text":"a",}`, "", 12, `want the name of a field, found "}"`},
		{`{"text":"a"]`, "", 11, `want a comma or }, found "]"`},
		{`{"text" "a"}`, "/text", 8, "want a colon, found a string"},
		{`{"text":"a"} {}`, "", 13, "want nothing more, found an object"},
		{"{\"text\":\"a\"}\x00", "", 12, `want nothing more, found "\x00"`},
		{`{"text":"a","Text":"b"}`, "", 12, `there is no field "Text", only id, text, tags, created_at`},
		{`{"` + strings.Repeat("é", 30) + `":1}`, "", 1, `…, only id`},
		{`{"text":"a","id":"1","te\u0078t":"b"}`, "/text", 21, `the field "text" stands twice`},
		{`{"text":1}`, "/text", 8, "want a string, found a number"},
		{`{"text":-1}`, "/text", 8, "want a string, found a number"},
		{`{"text":null}`, "/text", 8, "want a string, found null"},
		{`{"text":true}`, "/text", 8, "want a string, found a boolean"},
		{`{"text":{"text":"a"}}`, "/text", 8, "want a string, found an object"},
		{`{"text":§}`, "/text", 8, `want a string, found "\u00a7"`},
		{`{"text":" \u00a0 "}`, "/text", 8, "the text is empty"},
		{`{"id":"1"}`, "/text", 10, "there is no text"},
		{`{"text":"` + strings.Repeat("a", 101) + `"}`, "/text", 8, "the text has 101 bytes, at most 100 are taken"},
		{`{"text":"a`, "/text", 10, "want the end of a string, found the end"},
		{"{\"text\":\"a\xffb\"}", "/text", 10, "this is not UTF-8"},
		{"{\"text\":\"\xed\xa0\x80\"}", "/text", 9, "this is not UTF-8"}, // a surrogate in UTF-8
		{"{\"text\":\"a\nb\"}", "/text", 10, "a control character in a string must be escaped"},
		{`{"text":"a\x"}`, "/text", 10, "there is no such escape"},
		{`{"text":"a\`, "/text", 10, "there is no such escape"},
		{`{"text":"\u12G4"}`, "/text", 9, `want four hexadecimal digits after \u`},
		{`{"text":"\u12`, "/text", 9, `want four hexadecimal digits after \u`},
		{`{"text":"\ud83d"}`, "/text", 9, "this is half of a surrogate pair"},
		{`{"text":"\ud83d\u0041"}`, "/text", 9, "this is half of a surrogate pair"},
		{`{"text":"\ude00"}`, "/text", 9, "this is half of a surrogate pair"},
		{`{"text":"\ud83d\uzzzz"}`, "/text", 9, `want four hexadecimal digits after \u`},
		{`{"text":"a","tags":"b"}`, "/tags", 19, "want an array, found a string"},
		{`{"text":"a","tags":["b",2]}`, "/tags/1", 24, "want a string, found a number"},
		{`{"text":"a","tags":[[[[["b"]]]]]}`, "/tags/0", 20, "want a string, found an array"},
		{`{"text":"a","tags":["b"}`, "/tags", 23, `want a comma or ], found "}"`},
		{`{"text":"a","tags":["b",]}`, "/tags/1", 24, `want a string, found "]"`},
		{`{"text":"a","created_at":"noon"}`, "/created_at", 25, `want a time like 2006-01-02T15:04:05Z, found "noon"`},
		{`{"text":"a","created_at":1}`, "/created_at", 25, "want a string, found a number"},
	} {
		_, err := new(reader).document([]byte(x.data), 100)
		if err == nil || err.Pointer != x.pointer || err.Offset != x.offset || !strings.Contains(err.Detail, x.detail) {
			t.Errorf("%s: %+v, want %q at %d (%s)", x.data, err, x.pointer, x.offset, x.detail)
		}
	}
	if _, err := new(reader).feedback([]byte(`{"id":"1","level":"low","time":"x"}`)); err == nil || err.Pointer != "/time" {
		t.Errorf("feedback with a bad time: %+v", err)
	}
	// Depth costs nothing: it ends at the first bracket.
	if _, err := new(reader).document(bytes.Repeat([]byte("["), 1<<20), 100); err == nil || err.Offset != 0 {
		t.Errorf("a million brackets: %+v", err)
	}
}

// naive reads an object as strictly as reader does, by encoding/json and by
// checks beside it, into v, whose fields are kinds.
func naive(data []byte, v any, kinds map[string]string) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	open, err := d.Token()
	if err != nil || open != json.Delim('{') {
		return fmt.Errorf("not an object: %v, %w", open, err)
	}
	var seen []string
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name := key.(string)
		if kinds[name] == "" || slices.Contains(seen, name) {
			return fmt.Errorf("field %q", name)
		}
		seen = append(seen, name)
		var value any
		if err := d.Decode(&value); err != nil {
			return err
		}
		list, isList := value.([]any)
		if _, isString := value.(string); isString != (kinds[name] == "string") || isList != (kinds[name] == "list") {
			return fmt.Errorf("type of %q", name)
		}
		for _, e := range list {
			if _, ok := e.(string); !ok {
				return fmt.Errorf("type in %q", name)
			}
		}
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more data")
	}
	return json.Unmarshal(data, v)
}

// halves reports whether data has an escape that could be half of a surrogate
// pair, which encoding/json replaces and reader refuses.
func halves(data []byte) bool {
	low := bytes.ToLower(data)
	return bytes.Contains(low, []byte(`\ud8`)) || bytes.Contains(low, []byte(`\ud9`)) || bytes.Contains(low, []byte(`\uda`)) ||
		bytes.Contains(low, []byte(`\udb`)) || bytes.Contains(low, []byte(`\udc`)) || bytes.Contains(low, []byte(`\udd`)) ||
		bytes.Contains(low, []byte(`\ude`)) || bytes.Contains(low, []byte(`\udf`))
}

// FuzzReader holds reader against naive.
func FuzzReader(f *testing.F) {
	for _, s := range []string{
		`{"id":"1","text":"fire","tags":["a","b"],"created_at":"2026-03-01T09:30:00.5+01:00"}`, `{"text":"\ud83d\ude00 \"\\\/\b\f\n\r\t\u00e9 数据"}`,
		` { "tags" : [ ] , "text" : "a" } `, `{"text":"a","text":"b"}`, `{"Text":"a"}`, `{"text":null}`, `{"text":"a"}{}`, `{"text":"\ud800"}`, "{\"text\":\"\xff\"}",
		`{"id":"1","level":"high","assessed":"low","actor":"a","reason":"r","time":"2026-03-01T09:30:00Z"}`, `{"time":""}`, `{"text":"a","tags":[1]}`,
		`{"id":"\u0000"}`, `[`, `{"text":"a",}`, `{"tags":[,]}`,
	} {
		f.Add([]byte(s))
	}
	for _, special := range []string{`\"`, `\\`, `\n`, "\n", "\x1f", "\x7f", "\xff", "é", " ", "!", "]", "#", `"`} {
		for n := range 18 { // at every place of a word of eight bytes
			f.Add([]byte(`{"text":"` + strings.Repeat("x", n) + special + strings.Repeat("y", 17-n) + `"}`))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := new(reader)
		doc, fault := r.document(data, 1<<20)
		var want risk.Document
		err := naive(data, &want, map[string]string{"id": "string", "text": "string", "tags": "list", "created_at": "string"})
		if err == nil && strings.TrimSpace(want.Text) == "" {
			err = errors.New("no text")
		}
		agree(t, data, fault, err, doc, want)

		fb, fault := r.feedback(data)
		var wantFB risk.Feedback
		err = naive(data, &wantFB, map[string]string{"id": "string", "level": "string", "assessed": "string", "actor": "string", "reason": "string", "time": "string"})
		agree(t, data, fault, err, fb, wantFB)
	})
}

func agree(t *testing.T, data []byte, fault *Fault, err error, got, want any) {
	t.Helper()
	switch {
	case fault != nil && (fault.Offset < 0 || fault.Offset > len(data) || fault.kind == nil || fault.Detail == "" || !json.Valid(fault.problem().append(nil))):
		t.Errorf("%q: fault %+v", data, fault)
	case (fault == nil) != (err == nil) && !(fault != nil && halves(data)):
		t.Errorf("%q: fault %+v, encoding/json says %v", data, fault, err)
	case fault == nil:
		g, _ := json.Marshal(got) // compares times by what they show
		w, _ := json.Marshal(want)
		if !bytes.Equal(g, w) {
			t.Errorf("%q: %s, encoding/json says %s", data, g, w)
		}
	}
}

// fill sets every field below v to something that is not zero, drawn from next.
func fill(v reflect.Value, next func() (string, float64)) {
	s, f := next()
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Float64:
		v.SetFloat(f)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), next)
		fill(v.Index(1), next)
	case reflect.Struct:
		if p, ok := v.Addr().Interface().(*risk.Probabilities); ok {
			*p = risk.NewProbabilities(risk.Scale{s, "medium", "high", "x" + s, "y"}, []float64{f, 0.25, 1 - f, -f, 1e-7})
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), next)
		}
	default:
		panic("a kind that appendAssessment may not know: " + v.Kind().String())
	}
}

// FuzzAssessment holds appendAssessment against encoding/json, with every field
// set, with each alone missing, and with none.
func FuzzAssessment(f *testing.F) {
	for i, s := range []string{"", "plain", `q"\`, "<&>", "\u2028\xff", "数据", "\x00\x1f\x7f", "a\tb\n"} {
		f.Add(s, []float64{0, 0.1, 1e-7, 123456789e15, -1e-9, 1e21, 5e-324, 1.7976931348623157e308}[i])
	}
	f.Fuzz(func(t *testing.T, s string, x float64) {
		n := 0
		next := func() (string, float64) { n++; return s + strings.Repeat("z", n%3), x * float64(n) }
		var full risk.Assessment
		v := reflect.ValueOf(&full).Elem()
		fill(v, next)
		all := []risk.Assessment{full, {}, {Score: x, Level: s}}
		for i := range v.NumField() {
			one := full
			reflect.ValueOf(&one).Elem().Field(i).SetZero()
			all = append(all, one)
		}
		for _, a := range all {
			got, err := appendAssessment([]byte("before"), &a)
			want, wantErr := json.Marshal(&a)
			if (err == nil) != (wantErr == nil) || err == nil && string(got) != "before"+string(want) {
				t.Errorf("%+v:\n%s, %v, encoding/json says\n%s, %v", a, got, err, want, wantErr)
			}
		}
	})
}
