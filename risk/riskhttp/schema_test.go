package riskhttp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// schemas validates against the subset of JSON Schema that openapi.json uses; a
// keyword that it does not know is an error. It notes what it saw.
type schemas struct {
	doc  map[string]any
	seen map[string]bool // pointers of properties
}

// at returns what a pointer such as "#/components/schemas/Problem" points to.
func (s *schemas) at(ref string) (map[string]any, error) {
	now := any(s.doc)
	for _, name := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		m, _ := now.(map[string]any)
		now = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	m, ok := now.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s points to nothing", ref)
	}
	return m, nil
}

// follow returns what ref or the $ref there points to.
func (s *schemas) follow(ref string) (string, map[string]any, error) {
	m, err := s.at(ref)
	for err == nil {
		next, ok := m["$ref"].(string)
		if !ok {
			return ref, m, nil
		}
		ref = next
		m, err = s.at(ref)
	}
	return "", nil, err
}

// validate returns what is wrong with v by the schema at ref. Numbers are
// json.Number.
func (s *schemas) validate(ref string, v any) error {
	ref, schema, err := s.follow(ref)
	if err != nil {
		return err
	}
	for keyword, arg := range schema {
		if err := s.keyword(ref, schema, keyword, arg, v); err != nil {
			return fmt.Errorf("%s/%s: %w", ref, keyword, err)
		}
	}
	return nil
}

func (s *schemas) keyword(ref string, schema map[string]any, keyword string, arg, v any) error {
	object, isObject := v.(map[string]any)
	array, isArray := v.([]any)
	str, isString := v.(string)
	number, isNumber := v.(json.Number)
	f, _ := number.Float64()
	switch keyword {
	case "description", "default":
	case "type":
		ok := map[any]bool{"object": isObject, "array": isArray, "string": isString, "number": isNumber, "integer": isNumber && f == math.Trunc(f)}[arg]
		if _, isBool := v.(bool); !ok && !(arg == "boolean" && isBool) {
			return fmt.Errorf("%v is not of type %v", v, arg)
		}
	case "required":
		for _, name := range arg.([]any) {
			if _, ok := object[name.(string)]; !ok {
				return fmt.Errorf("%v has no %v", v, name)
			}
		}
	case "properties":
		for name, v := range object {
			if _, ok := arg.(map[string]any)[name]; ok {
				if err := s.validate(ref+"/properties/"+name, v); err != nil {
					return err
				}
				s.seen[ref+"/properties/"+name] = true
			}
		}
	case "additionalProperties":
		known, _ := schema["properties"].(map[string]any)
		for name, v := range object {
			if _, ok := known[name]; ok {
				continue
			}
			if arg == false {
				return fmt.Errorf("there is no property %q", name)
			}
			if err := s.validate(ref+"/additionalProperties", v); err != nil {
				return err
			}
		}
	case "items":
		for _, v := range array {
			if err := s.validate(ref+"/items", v); err != nil {
				return err
			}
		}
	case "oneOf":
		fits := 0
		for _, one := range arg.([]any) {
			if s.keyword(ref, schema, "required", one.(map[string]any)["required"], v) == nil {
				fits++
			}
		}
		if fits != 1 {
			return fmt.Errorf("%d fit", fits)
		}
	case "enum":
		if !slices.Contains(arg.([]any), v) {
			return fmt.Errorf("%v is not one of %v", v, arg)
		}
	case "minimum", "maximum":
		limit, _ := arg.(json.Number).Float64()
		if keyword == "minimum" && f < limit || keyword == "maximum" && f > limit {
			return fmt.Errorf("%v is beyond %v", v, limit)
		}
	case "maxItems":
		if limit, _ := arg.(json.Number).Int64(); int64(len(array)) > limit {
			return fmt.Errorf("%d items", len(array))
		}
	case "minLength":
		if limit, _ := arg.(json.Number).Int64(); int64(utf8.RuneCountInString(str)) < limit {
			return fmt.Errorf("%q is too short", str)
		}
	case "format":
		return format(arg, str)
	default:
		return errors.New("the keyword is not known")
	}
	return nil
}

func format(name any, s string) error {
	switch name {
	case "date-time":
		_, err := time.Parse(time.RFC3339, s)
		return err
	case "uri":
		u, err := url.Parse(s)
		if err == nil && !u.IsAbs() {
			err = errors.New("it is not absolute")
		}
		return err
	case "uri-reference":
		_, err := url.Parse(s)
		return err
	}
	return fmt.Errorf("format %v is not known", name)
}

// generic decodes JSON for validate.
func generic(data []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err = d.Decode(&v); err == nil && d.More() {
		err = errors.New("there is more")
	}
	return v, err
}

// TestValidator has the validator find what is wrong, for one that finds nothing
// holds nothing.
func TestValidator(t *testing.T) {
	doc, err := generic([]byte(`{"s":{"type":"object","additionalProperties":false,"required":["n"],"oneOf":[{"required":["a"]},{"required":["b"]}],
		"properties":{"n":{"type":"integer","minimum":1,"maximum":3},"a":{"type":"array","maxItems":1,"items":{"type":"string","minLength":1}},
		"b":{"enum":["x"]},"t":{"type":"string","format":"date-time"},"m":{"additionalProperties":{"type":"number"}},"o":{"type":"boolean"},"r":{"$ref":"#/nowhere"},"k":{"pattern":"x"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for data, ok := range map[string]bool{
		`{"n":1,"a":["x"]}`: true, `{"n":3.0,"b":"x","o":true,"m":{"y":1.5},"t":"2026-03-01T09:30:00Z"}`: true,
		`[]`: false, `{"a":[]}`: false, `{"n":1}`: false, `{"n":1,"a":[],"b":"x"}`: false, `{"n":1.5,"b":"x"}`: false, `{"n":0,"b":"x"}`: false,
		`{"n":4,"b":"x"}`: false, `{"n":1,"a":["x","y"]}`: false, `{"n":1,"a":[""]}`: false, `{"n":1,"a":[1]}`: false, `{"n":1,"b":"y"}`: false,
		`{"n":1,"b":"x","t":"noon"}`: false, `{"n":1,"b":"x","m":{"y":"z"}}`: false, `{"n":1,"b":"x","o":1}`: false, `{"n":1,"b":"x","more":1}`: false,
		`{"n":1,"b":"x","r":1}`: false, `{"n":1,"b":"x","k":"x"}`: false,
	} {
		v, err := generic([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		s := &schemas{doc: doc.(map[string]any), seen: map[string]bool{}}
		if err := s.validate("#/s", v); (err == nil) != ok {
			t.Errorf("%s: %v", data, err)
		}
	}
}
