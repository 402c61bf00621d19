package health

import "math"

// usual is the loss that is normal for each age and device: people change their
// minds, and more of them on phones. It is learnt with a memory of an hour, from
// minutes in which nothing was suspected.
type usual struct {
	lost, starts [ages][devices]float64
}

// What is believed before anything was learnt, as if that many starts had shown
// it; and how many starts must have been seen before the loss may be judged by
// what is usual. Until then it is judged by the most that may be usual after the
// few that were seen; by a loss that no habit explains, if that is less.
const (
	priorStarts = 50
	coldStarts  = 200
)

var (
	priorLoss = [ages]float64{0.45, 0.25}
	coldLimit = [ages]float64{0.90, 0.70}
)

// hour is what a memory of an hour keeps from one second to the next.
var hour = math.Exp(-1.0 / 3600)

// learn takes in what one second showed.
func (u *usual) learn(s *sample) {
	for age := range ages {
		for dev := range devices {
			due := s.at(dueCell(age, dev))
			u.starts[age][dev] = u.starts[age][dev]*hour + float64(due.n)
			u.lost[age][dev] = u.lost[age][dev]*hour + float64(due.failed)
		}
	}
}

// of returns the loss that is usual at an age on a device.
func (u *usual) of(age, dev int) float64 {
	return max(0, u.lost[age][dev]+priorStarts*priorLoss[age]) / (u.starts[age][dev] + priorStarts)
}

// limit returns the loss above which an age on a device trips.
func (u *usual) limit(age, dev int) float64 {
	limit := u.of(age, dev) + lossMargin
	if u.starts[age][dev] < coldStarts {
		seen := share{int(u.starts[age][dev]), int(math.Ceil(u.lost[age][dev]))}
		return max(limit, min(coldLimit[age], seen.upper(z99)+lossMargin))
	}
	return limit
}

// mean is the mean of what of says of each device, for the mixture in s.
func mean(age int, s *sample, of func(age, dev int) float64) float64 {
	var sum, n float64
	for dev := range devices {
		if starts := float64(s[dueCell(age, dev)]); starts > 0 {
			n += starts
			sum += starts * of(age, dev)
		}
	}
	if n == 0 {
		return of(age, 0)
	}
	return sum / n
}
