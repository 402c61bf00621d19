package health

import "math"

// usual is the loss that is normal for each age and device: people change their
// minds, and more of them on phones. It is learnt with a memory of an hour, from
// minutes in which nothing was suspected.
type usual struct {
	lost, starts [ages][devices]float64
}

// What is believed before anything was learnt, as if that many starts had shown it.
const priorStarts = 50

var priorLoss = [ages]float64{0.45, 0.25}

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
	return (u.lost[age][dev] + priorStarts*priorLoss[age]) / (u.starts[age][dev] + priorStarts)
}

// mean is what is usual for the mixture of devices in s.
func (u *usual) mean(age int, s *sample) float64 {
	var expected, n float64
	for dev := range devices {
		starts := float64(s[dueCell(age, dev)])
		n += starts
		if starts > 0 {
			expected += starts * u.of(age, dev)
		}
	}
	if n == 0 {
		return u.of(age, 0)
	}
	return expected / n
}
