package main

import (
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
)

func Example() {
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	rng := rand.New(rand.NewPCG(1, 1))
	if err := write(filepath.Join(folder, "reference.csv"), rng, 1000, false); err != nil {
		log.Fatal(err)
	}
	if err := write(filepath.Join(folder, windowsFile(500, true)), rng, 1000, true); err != nil {
		log.Fatal(err)
	}
	b, err := baseline(folder)
	if err != nil {
		log.Fatal(err)
	}
	t, err := count(b, folder, 500, true)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("drift in", t.any, "of", t.windows, "windows")
	// Output: drift in 2 of 2 windows
}
