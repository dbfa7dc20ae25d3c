package sqltest

import (
	"fmt"
	"testing"

	"github.com/riskkit/riskkit/registry"
)

// eachB runs f on all databases.
func eachB(b *testing.B, f func(b *testing.B, fresh newDB)) {
	b.Run("SQLite", func(b *testing.B) { f(b, sqlite) })
	b.Run("PostgreSQL", func(b *testing.B) { f(b, postgres) })
}

// BenchmarkRegister registers versions of one file of 4 MB each.
func BenchmarkRegister(b *testing.B) {
	eachB(b, func(b *testing.B, fresh newDB) {
		d := fresh(b)
		log := registry.New(d.store(b, d.open(b, 0), nil), nil)
		_, data := blob(4 << 20)
		b.SetBytes(int64(len(data)))
		for i := 0; b.Loop(); i++ {
			copy(data, fmt.Sprint(i))
			if _, err := log.Register(b.Context(), model, registry.Artifact{"model.bin": data}, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRead reads a file of 4 MB.
func BenchmarkRead(b *testing.B) {
	eachB(b, func(b *testing.B, fresh newDB) {
		d := fresh(b)
		log := registry.New(d.store(b, d.open(b, 0), nil), nil)
		_, data := blob(4 << 20)
		v, err := log.Register(b.Context(), model, registry.Artifact{"model.bin": data}, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := registry.ReadFile(b.Context(), log, v, "model.bin"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEvents appends an event, and with 2,000 of them there folds them all,
// opens the model for the first time and looks again whether it has changed.
func BenchmarkEvents(b *testing.B) {
	eachB(b, func(b *testing.B, fresh newDB) {
		d := fresh(b)
		store := d.store(b, d.open(b, 0), nil)
		log := registry.New(store, nil)
		v, err := log.Register(b.Context(), model, registry.Artifact{"model.bin": nil}, nil)
		if err != nil {
			b.Fatal(err)
		}
		annotate := func(b *testing.B, i int) {
			if _, err := log.Annotate(b.Context(), model, registry.Annotation{Version: v.Number, Description: fmt.Sprint(i)}); err != nil {
				b.Fatal(err)
			}
		}
		for i := range 1999 {
			annotate(b, i)
		}
		b.Run("history", func(b *testing.B) {
			for b.Loop() {
				for _, err := range registry.New(store, nil).History(b.Context(), model) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run("cold", func(b *testing.B) {
			for b.Loop() {
				if _, err := registry.New(store, nil).State(b.Context(), model); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("warm", func(b *testing.B) {
			for b.Loop() {
				if _, err := log.State(b.Context(), model); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("append", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				annotate(b, i)
			}
		})
	})
}
