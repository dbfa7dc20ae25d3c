package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/riskkit/riskkit/internal/binfile"
)

// A snapshot is a file of internal/binfile, of which equal states are equal
// bytes: numbers as varints, strings with their length before them, what has no
// order in order.
//
// Version 2 has a rollout at its end. A state without one is still of version 1,
// for events vouch for its digest.
const (
	snapshotMagic   = "RKST"
	snapshotPlain   = 1
	snapshotRollout = 2
)

// encode returns s as the bytes of a snapshot.
func (s *State) encode() []byte {
	version := uint32(snapshotPlain)
	if s.Rollout != nil {
		version = snapshotRollout
	}
	return binfile.Append(nil, snapshotMagic, version, func(dst []byte) []byte {
		w := stateWriter{dst}
		w.string(s.Model)
		w.number(uint64(s.Seq))
		w.digest(s.Hash)
		w.time(s.Time)
		w.number(uint64(s.stages[Staging]))
		w.numbers(s.production)
		w.numbers(slices.Sorted(maps.Keys(s.served)))
		w.number(uint64(len(s.Aliases)))
		for _, alias := range slices.Sorted(maps.Keys(s.Aliases)) {
			w.string(alias)
			w.number(uint64(s.Aliases[alias]))
		}
		w.strings(slices.Sorted(maps.Keys(s.protected)))
		w.number(uint64(len(s.approvals)))
		for _, key := range slices.SortedFunc(maps.Keys(s.approvals), func(a, b approvalKey) int {
			return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.version, b.version))
		}) {
			w.string(key.name)
			w.number(uint64(key.version))
			w.strings(s.approvals[key])
		}
		w.number(uint64(len(s.Versions)))
		for i := range s.Versions {
			w.version(&s.Versions[i])
		}
		if s.Rollout != nil {
			w.rollout(s.Rollout)
		}
		return w.b
	})
}

// stateWriter appends the parts of a snapshot.
type stateWriter struct{ b []byte }

func (w *stateWriter) number(n uint64) { w.b = binary.AppendUvarint(w.b, n) }
func (w *stateWriter) digest(d Digest) { w.b = append(w.b, d[:]...) }

func (w *stateWriter) string(s string) {
	w.number(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *stateWriter) flag(f bool) {
	if f {
		w.number(1)
	} else {
		w.number(0)
	}
}

func (w *stateWriter) time(t time.Time) {
	w.b = binary.AppendVarint(w.b, t.Unix())
	w.number(uint64(t.Nanosecond()))
}

func (w *stateWriter) numbers(all []int) {
	w.number(uint64(len(all)))
	for _, n := range all {
		w.number(uint64(n))
	}
}

func (w *stateWriter) strings(all []string) {
	w.number(uint64(len(all)))
	for _, s := range all {
		w.string(s)
	}
}

func (w *stateWriter) columns(all []Column) {
	w.number(uint64(len(all)))
	for _, c := range all {
		w.string(c.Name)
		w.string(c.Type)
		w.flag(c.Optional)
	}
}

func (w *stateWriter) version(v *Version) {
	w.digest(v.Digest)
	w.number(uint64(len(v.Files)))
	for _, f := range v.Files {
		w.string(f.Name)
		w.number(uint64(f.Size))
		w.digest(f.Digest)
		w.string(f.Blocks)
	}
	w.string(string(v.Stage))
	w.time(v.CreatedAt)
	w.time(v.Since)
	w.string(v.Actor)
	w.string(v.Description)
	w.number(uint64(len(v.Tags)))
	for _, key := range slices.Sorted(maps.Keys(v.Tags)) {
		w.string(key)
		w.string(v.Tags[key])
	}
	w.string(v.Key)
	w.flag(v.Collected)
	w.flag(v.Lineage != nil)
	if l := v.Lineage; l != nil {
		w.strings([]string{l.Data, l.Code, l.Run})
		w.number(l.Seed)
		w.number(uint64(l.Parent))
	}
	w.flag(v.Schema != nil)
	if v.Schema != nil {
		w.columns(v.Schema.Inputs)
		w.columns(v.Schema.Outputs)
	}
}

func (w *stateWriter) rollout(r *Rollout) {
	w.string(r.ID)
	w.number(uint64(r.Version))
	w.number(uint64(r.BasisPoints))
	w.strings(r.Tags)
	w.flag(r.Paused)
	w.flag(r.Shadow)
	w.time(r.Started)
}

// decodeState reads what encode wrote; otherwise the error wraps ErrCorrupt.
func decodeState(data []byte) (*State, error) {
	version, payload, err := binfile.Open(data, snapshotMagic, snapshotRollout)
	if err != nil {
		return nil, fmt.Errorf("%w: snapshot: %w", ErrCorrupt, err)
	}
	r := &stateReader{rest: string(payload.Rest())}
	s := newState(r.string())
	s.Seq, s.Hash, s.Time = int64(r.number()), r.digest(), r.time()
	staging := int(r.number())
	s.production = r.numbers()
	served := r.numbers()
	for range r.count() {
		alias := r.string()
		s.Aliases[alias] = int(r.number())
	}
	for _, name := range r.strings() {
		s.protected[name] = true
	}
	for range r.count() {
		key := approvalKey{r.string(), int(r.number())}
		s.approvals[key] = r.strings()
	}
	s.Versions = make([]Version, r.countOf(sha256.Size))
	for i := range s.Versions {
		v := &s.Versions[i]
		v.Model, v.Number = s.Model, i+1
		r.version(v)
		if v.Key != "" {
			s.keys[v.Key] = v.Number
		}
	}
	named := slices.Concat(s.production, served)
	if version == snapshotRollout {
		s.Rollout = r.rollout()
		named = append(named, s.Rollout.Version)
	}
	ok := !r.failed && r.rest == "" && (s.Rollout == nil || s.Rollout.check() == nil)
	for _, n := range s.Aliases {
		named = append(named, n)
	}
	if n := len(s.production); n > 0 {
		s.stages[Production] = s.production[n-1]
	}
	if staging != 0 {
		s.stages[Staging] = staging
		named = append(named, staging)
	}
	for _, n := range served {
		s.served[n] = true
	}
	for _, n := range named {
		ok = ok && 1 <= n && n <= len(s.Versions)
	}
	if !ok {
		return nil, fmt.Errorf("%w: the snapshot of model %.200q is cut short or names versions that it does not have", ErrCorrupt, s.Model)
	}
	return s, nil
}

// stateReader takes the parts of a snapshot off. Once there is not what there
// should be, it has failed, and gives zeros.
type stateReader struct {
	rest   string
	failed bool
}

func (r *stateReader) take(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *stateReader) number() uint64 {
	for i, n := 0, uint64(0); i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		c := r.rest[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.failed, r.rest = true, ""
	return 0
}

// count returns how many parts follow, each of which has a byte at least.
func (r *stateReader) count() int { return r.countOf(1) }

// countOf returns how many parts of at least so many bytes follow.
func (r *stateReader) countOf(size int) int {
	n := r.number()
	if n > uint64(len(r.rest)/size) {
		r.failed, r.rest = true, ""
		return 0
	}
	return int(n)
}

func (r *stateReader) string() string { return r.take(r.number()) }
func (r *stateReader) flag() bool     { return r.number() != 0 }

func (r *stateReader) digest() (d Digest) {
	copy(d[:], r.take(uint64(len(d))))
	return d
}

func (r *stateReader) time() time.Time {
	u := r.number()
	seconds := int64(u>>1) ^ -int64(u&1) // as binary.AppendVarint has it
	return time.Unix(seconds, int64(r.number()%1e9)).UTC()
}

func (r *stateReader) numbers() []int {
	all := make([]int, r.count())
	for i := range all {
		all[i] = int(r.number())
	}
	return all
}

func (r *stateReader) strings() []string {
	all := make([]string, r.count())
	for i := range all {
		all[i] = r.string()
	}
	return all
}

func (r *stateReader) columns() []Column {
	n := r.count()
	if n == 0 {
		return nil
	}
	all := make([]Column, n)
	for i := range all {
		all[i] = Column{Name: r.string(), Type: r.string(), Optional: r.flag()}
	}
	return all
}

func (r *stateReader) version(v *Version) {
	v.Digest = r.digest()
	v.Files = make([]FileInfo, r.countOf(sha256.Size))
	for i := range v.Files {
		v.Files[i] = FileInfo{Name: r.string(), Size: int64(r.number()), Digest: r.digest(), Blocks: r.string()}
	}
	v.Stage, v.CreatedAt, v.Since = Stage(r.string()), r.time(), r.time()
	v.Actor, v.Description = r.string(), r.string()
	if n := r.count(); n > 0 {
		v.Tags = make(map[string]string, n)
		for range n {
			key := r.string()
			v.Tags[key] = r.string()
		}
	}
	v.Key, v.Collected = r.string(), r.flag()
	if r.flag() {
		l := &Lineage{}
		if texts := r.strings(); len(texts) == 3 {
			l.Data, l.Code, l.Run = texts[0], texts[1], texts[2]
		} else {
			r.failed = true
		}
		l.Seed, l.Parent = r.number(), int(r.number())
		v.Lineage = l
	}
	if r.flag() {
		v.Schema = &Schema{Inputs: r.columns(), Outputs: r.columns()}
	}
}

func (r *stateReader) rollout() *Rollout {
	o := &Rollout{ID: r.string(), Version: int(r.number()), BasisPoints: int(r.number())}
	if tags := r.strings(); len(tags) > 0 {
		o.Tags = tags
	}
	o.Paused, o.Shadow, o.Started = r.flag(), r.flag(), r.time()
	return o
}
