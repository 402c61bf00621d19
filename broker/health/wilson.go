package health

import "math"

// How sure a verdict must be: quantiles of the normal distribution for
// two-sided intervals.
const (
	z999 = 3.2905 // 99.9 %: trips
	zSum = 3.8906 // 99.99 %: trips of returns summed over nodes, whose windows do not quite match
	z99  = 2.5758 // 99 %: suspicions
	z95  = 1.9600 // 95 %: trials, where 20 of 20 must be able to pass
)

// share is how many of n failed.
type share struct{ n, failed int }

func (s share) add(o share) share { return share{s.n + o.n, s.failed + o.failed} }

func (s share) part() float64 {
	if s.n == 0 {
		return 0
	}
	return float64(s.failed) / float64(s.n)
}

// lower returns the lower Wilson bound of the share of failures, 0 without
// samples.
func (s share) lower(z float64) float64 {
	if s.n <= 0 || s.failed <= 0 {
		return 0
	}
	centre, spread := s.wilson(z)
	return max(0, centre-spread)
}

// upper returns the upper Wilson bound, 1 without samples.
func (s share) upper(z float64) float64 {
	if s.n <= 0 {
		return 1
	}
	centre, spread := s.wilson(z)
	return min(1, centre+spread)
}

func (s share) wilson(z float64) (centre, spread float64) {
	n, p := float64(s.n), min(max(s.part(), 0), 1)
	scale := 1 + z*z/n
	return (p + z*z/(2*n)) / scale, z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n)) / scale
}

// exceeds tells whether the failures are surely above limit, given at least
// enough samples. The bound is below the share itself, so that the root is
// drawn only where it can matter.
func (s share) exceeds(limit float64, enough int, z float64) bool {
	return s.n >= enough && float64(s.failed) > limit*float64(s.n) && s.lower(z) > limit
}
