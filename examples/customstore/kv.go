package main

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
)

// key names a value.
type key struct {
	name string
	seq  int64
}

// kv stands for the storage that a host has.
type kv struct{ m sync.Map }

// put stores a value where there is none yet, and reports whether it did.
func (s *kv) put(k key, value []byte) bool {
	_, taken := s.m.LoadOrStore(k, bytes.Clone(value))
	return !taken
}

func (s *kv) get(k key) ([]byte, bool) {
	value, ok := s.m.Load(k)
	if !ok {
		return nil, false
	}
	return bytes.Clone(value.([]byte)), true
}

// keys returns all keys in order.
func (s *kv) keys() (all []key) {
	s.m.Range(func(k, _ any) bool {
		all = append(all, k.(key))
		return true
	})
	slices.SortFunc(all, func(a, b key) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.seq, b.seq)) })
	return all
}
