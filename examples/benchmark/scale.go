package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// scaled returns x and, behind it, so many copies less one, the same every
// time: of their words one in ten is replaced by another of all words that x
// has, and one in a hundred by a new one, of which there are more the more
// copies there are.
func scaled(x examples, times int) examples {
	rng := rand.New(rand.NewPCG(1, uint64(times)))
	var words []string
	for _, s := range x.texts {
		words = append(words, strings.Fields(s)...)
	}
	all := x
	for range times - 1 {
		for i, s := range x.texts {
			copied := strings.Fields(s)
			for k := range copied {
				switch draw := rng.IntN(100); {
				case draw == 0:
					copied[k] = fmt.Sprintf("new%d", rng.IntN(len(x.texts)/5*times+1))
				case draw <= 10:
					copied[k] = words[rng.IntN(len(words))]
				}
			}
			all.texts, all.y = append(all.texts, strings.Join(copied, " ")), append(all.y, x.y[i])
		}
	}
	return all
}
