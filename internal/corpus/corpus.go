// Package corpus writes incident reports for tests and examples: as many as are
// wanted, the same for the same seed, each with the level that a person might
// give it. They are made up, put together from phrases; a share of each is
// borrowed from another level, so that no model gets all of them right.
package corpus

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// An Incident is one report, with the field names of a data file.
type Incident struct {
	ID        string    `json:"id"`
	Text      string    `json:"text"`
	Label     string    `json:"label"`
	Tags      []string  `json:"tags"`
	CreatedAt time.Time `json:"created_at"`
}

// Start is the time of the first incident; the others follow a few hours apart.
var start = time.Date(2025, 9, 1, 6, 0, 0, 0, time.UTC)

var levels = []string{"low", "medium", "high"}

// Usual returns n incidents of a shop and the offices behind it.
func Usual(seed uint64, n int) []Incident {
	return write(seed, n, "INC", func(rng *rand.Rand, level int) (string, []string) {
		near := func() int { // the level, or now and then the one beside it
			if rng.IntN(4) == 0 {
				return max(0, min(2, level+1-2*rng.IntN(2)))
			}
			return level
		}
		service := pick(rng, services)
		symptom := pick(rng, symptoms[near()])
		parts := []string{strings.ReplaceAll(symptom.text, "%", service), pick(rng, impacts[near()])}
		if rng.IntN(2) == 0 {
			parts = append(parts, pick(rng, causes))
		}
		if rng.IntN(3) > 0 {
			parts = append(parts, pick(rng, actions[near()]))
		}
		return sentences(parts), []string{symptom.tag}
	})
}

// Shifted returns n incidents of another world: robots in a warehouse that
// write their own, longer reports, with more alarms in them.
func Shifted(seed uint64, n int) []Incident {
	return write(seed, n, "ROB", func(rng *rand.Rand, level int) (string, []string) {
		parts := []string{fmt.Sprintf("Unit %s%02d firmware 4.%d", pick(rng, units), rng.IntN(40), rng.IntN(9))}
		for range 3 + rng.IntN(3) {
			parts = append(parts, fmt.Sprintf("%s at bay %d, %s", pick(rng, faults), 1+rng.IntN(60), pick(rng, reactions)))
		}
		parts = append(parts, pick(rng, outcomes[level]))
		return sentences(parts), []string{"robotics"}
	})
}

func write(seed uint64, n int, prefix string, report func(rng *rand.Rand, level int) (string, []string)) []Incident {
	rng := rand.New(rand.NewPCG(seed, 0))
	at := start
	incidents := make([]Incident, n)
	for i := range incidents {
		level := 1
		switch r := rng.IntN(10); {
		case r < 3:
			level = 0
		case r >= 7:
			level = 2
		}
		text, tags := report(rng, level)
		at = at.Add(time.Duration(30+rng.IntN(600)) * time.Minute)
		incidents[i] = Incident{
			ID: fmt.Sprintf("%s-%d-%04d", prefix, seed, i+1), Text: text, Label: levels[level], Tags: tags, CreatedAt: at,
		}
	}
	return incidents
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// sentences joins parts to a text.
func sentences(parts []string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.ToUpper(p[:1]) + p[1:] + ".")
	}
	return b.String()
}
