package main

import (
	"context"
	"time"
)

// An outcome is what a pass has brought.
type outcome struct {
	name    string
	workers int
	results []result
	took    time.Duration
	pool    *poolOutcome // nil if no pool was used
}

// serial digests one file after the other: what the others are measured against.
func serial(ctx context.Context, _ options, files []string, tick func()) (*outcome, error) {
	start := time.Now()
	results := make([]result, len(files))
	for i, path := range files {
		var err error
		if results[i], err = digestFile(ctx, path); err != nil {
			return nil, err
		}
		tick()
	}
	return &outcome{results: results, took: time.Since(start)}, nil
}
