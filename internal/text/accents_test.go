package text

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestAppendStripped has what scikit-learn 1.9.1 returns, of
// strip_accents_unicode and of strip_accents_ascii.
func TestAppendStripped(t *testing.T) {
	for s, want := range map[string][2]string{
		"":                            {"", ""},
		"plain ASCII\x00\x7f":         {"plain ASCII\x00\x7f", "plain ASCII\x00\x7f"},
		"crème brûlée":                {"creme brulee", "creme brulee"},
		"cre\u0300me":                 {"creme", "creme"},
		"q\u0323\u0307 q\u0307\u0323": {"q q", "q q"},
		"Straße, æsir, øre":           {"Straße, æsir, øre", "Strae, sir, re"},
		"ﬁle x² ½ ℡ ９":                {"file x2 1⁄2 TEL 9", "file x2 12 TEL 9"},
		"й Ё ή":                       {"и Е η", "  "},
		"한글 가":                        {"\u1112\u1161\u11ab\u1100\u1173\u11af \u1100\u1161", " "},
		"ガ \uf900 \u0f73x":            {"カ 豈 x", "  x"},
		"a\u00a0b ¨":                  {"a b  ", "a b  "},
		"\ufdfa":                      {"صلى الله عليه وسلم", "   "},
		"𝐀𝟗 🔥":                        {"A9 🔥", "A9 "},
	} {
		for i, ascii := range []bool{false, true} {
			if got := string(AppendStripped([]byte("+"), []byte(s), ascii)); got != "+"+want[i] {
				t.Errorf("%q stripped, ascii %v, is %q, want %q", s, ascii, got[1:], want[i])
			}
		}
	}
	// Python has no such texts.
	if got := string(AppendStripped(nil, []byte("\xffé\xc3 \xed\xa0\x80\ufffd"), false)); got != "\xffe\xc3 \xed\xa0\x80\ufffd" {
		t.Errorf("broken UTF-8 is stripped to %q", got)
	}
	if got := string(AppendStripped(nil, []byte("\xffé\xc3 \xed\xa0\x80\ufffd"), true)); got != "e " {
		t.Errorf("broken UTF-8 is stripped to %q", got)
	}
}

// TestAppendStrippedEverywhere strips every code point. The digests are what
// internal/sklearn/accents_table.py prints, of scikit-learn 1.9.1 on Python
// 3.11.7, which has Unicode 14.0.0.
func TestAppendStrippedEverywhere(t *testing.T) {
	for i, want := range []string{
		"3479b3204b0361c4dc72a5fc299313652362006e8dac87296f38397c2cbe52fd",
		"70c81f27e288af8c99b2885f3574570d8f013ddf4e3054a6e93d5c480df9fd59",
	} {
		var all, one []byte
		for r := range rune(utf8.MaxRune + 1) {
			if !utf8.ValidRune(r) {
				continue
			}
			one = utf8.AppendRune(one[:0], r)
			all = append(AppendStripped(all, one, i == 1), '\n')
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(all)); got != want {
			t.Errorf("ascii %v: the digest is %s, want %s", i == 1, got, want)
		}
	}
}

func TestAppendStrippedDoesNotAllocate(t *testing.T) {
	src := []byte(strings.Repeat("Störung im Zahlungsdienst, база данных, 한글 ", 20))
	dst := AppendStripped(nil, src, false)
	if n := testing.AllocsPerRun(100, func() { dst = AppendStripped(dst[:0], src, false) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// slowStripped looks for each rune in every run.
func slowStripped(s string, ascii bool) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		to := s[i : i+size]
		if hangulFirst <= r && r <= hangulLast {
			to = string(appendJamo(nil, r))
		}
		for _, run := range strippedRuns {
			if k := int(r - run.first); 0 <= k && k < int(run.count) {
				to = strippedText[int(run.at):][k*int(run.size) : (k+1)*int(run.size)]
			}
		}
		for j := range len(to) {
			if !ascii || to[j] < utf8.RuneSelf {
				out.WriteByte(to[j])
			}
		}
		i += size
	}
	return out.String()
}

// FuzzStripped compares with the slow way, and strips UTF-8 that was stripped
// again.
func FuzzStripped(f *testing.F) {
	for _, s := range []string{"crème", "ﬁle x² ½", "한글\u0301", "a\xffé\xc3", "\ufdfa𝐀\U0002fa1d", "\u0344\u1e9b\u0323"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, ascii := range []bool{false, true} {
			got := AppendStripped(nil, []byte(s), ascii)
			if want := slowStripped(s, ascii); string(got) != want {
				t.Errorf("%q is stripped to %q, the slow way to %q", s, got, want)
			}
			if again := AppendStripped(nil, got, ascii); utf8.ValidString(s) && string(again) != string(got) {
				t.Errorf("%q is stripped to %q, and that to %q", s, got, again)
			}
		}
	})
}

func BenchmarkAppendStripped(b *testing.B) {
	src := []byte(strings.Repeat("Störung im Zahlungsdienst, база данных; the primary Database is DOWN ", 8))
	var dst []byte
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendStripped(dst[:0], src, false)
	}
}
