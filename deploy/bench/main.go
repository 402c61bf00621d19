package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"
)

// workers are the numbers of parallel browsers and websites.
var workers = []int{2, 8, 32}

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		log.Fatal(serveBare(os.Args[2]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	measure := run
	if len(os.Args) > 1 {
		switch rest := os.Args[2:]; os.Args[1] {
		case "volume":
			measure = func(ctx context.Context) error { return measureVolume(ctx, rest) }
		case "sites":
			measure = func(ctx context.Context) error { return measureSites(ctx, rest) }
		}
	}
	if err := measure(ctx); err != nil {
		log.Fatal("bench: ", err)
	}
}

// settings of one run.
type settings struct {
	bongsu string         // the broker's binary
	each   time.Duration  // how long one number is measured
	rest   time.Duration  // before memory is looked at
	only   *regexp.Regexp // the names of what is measured
}

func run(ctx context.Context) error {
	var s settings
	var stores, algs, only string
	flag.StringVar(&s.bongsu, "bongsu", "./bongsu", "the broker's binary")
	flag.DurationVar(&s.each, "for", 5*time.Second, "how long one number is measured")
	flag.StringVar(&stores, "store", "sqlite,postgres", "stores to measure")
	flag.StringVar(&algs, "alg", "ES256,RS256", "signatures of ID tokens to measure with")
	flag.DurationVar(&s.rest, "rest", 12*time.Second, "how long the broker rests before its memory is looked at")
	flag.StringVar(&only, "only", "", "measure what has a name like this regular expression alone")
	flag.Parse()
	named, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	s.only = named

	b, err := startBare(ctx)
	if err != nil {
		return fmt.Errorf("bare server: %w", err)
	}
	defer b.stop()
	for name := range strings.SplitSeq(stores, ",") {
		for alg := range strings.SplitSeq(algs, ",") {
			if err := measureBroker(ctx, s, name, alg, b); err != nil {
				return fmt.Errorf("%s %s: %w", name, alg, err)
			}
		}
	}
	return nil
}
