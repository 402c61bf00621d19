package simulate

import "math"

// binomial draws how many of n come to pass, each with probability p.
func (w *world) binomial(n int, p float64) int {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case n <= 40:
		hits := 0
		for range n {
			if w.random.Float64() < p {
				hits++
			}
		}
		return hits
	case p > 0.5:
		return n - w.binomial(n, 1-p)
	case float64(n)*p < 15:
		return min(n, w.poisson(float64(n)*p))
	}
	mean := float64(n) * p
	return min(n, max(0, int(math.Round(mean+w.random.NormFloat64()*math.Sqrt(mean*(1-p))))))
}

// poisson draws how many come in a span in which mean come on average.
func (w *world) poisson(mean float64) int {
	if mean > 60 {
		return max(0, int(math.Round(mean+w.random.NormFloat64()*math.Sqrt(mean))))
	}
	n, left := 0, math.Exp(-mean)
	for product := w.random.Float64(); product > left; product *= w.random.Float64() {
		n++
	}
	return n
}

// evenly deals n over k places, what is left over by chance.
func (w *world) evenly(n, k int) []int {
	dealt := make([]int, k)
	for i := range dealt {
		dealt[i] = n / k
	}
	for range n % k {
		dealt[w.random.IntN(k)]++
	}
	return dealt
}
