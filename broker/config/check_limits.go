package config

import "github.com/bongsu/bongsu/broker/limit"

// defaultLimits lets a mobile carrier's people come by one address, and stops what
// no people do.
func defaultLimits() fileLimits {
	return fileLimits{
		StartsPerAddress:   fileRate{Rate: 50, Burst: 1000},
		StartsPerClient:    fileRate{Rate: 1000, Burst: 5000},
		FailuresPerAddress: fileRate{Rate: 2, Burst: 150},
		FailuresPerClient:  fileRate{Rate: 1, Burst: 60},
		TokensPerAddress:   fileRate{Rate: 50, Burst: 1000},
		TokensPerClient:    fileRate{Rate: 2000, Burst: 5000},
		Entries:            20_000,
	}
}

// DefaultLimits is what holds where a file says nothing about limits.
func DefaultLimits() Limits {
	return defaultLimits().limits()
}

func (f fileLimits) limits() Limits {
	return Limits{
		Starts: f.StartsPerAddress.rate(), StartsOfClient: f.StartsPerClient.rate(),
		Failures: f.FailuresPerAddress.rate(), Guesses: f.FailuresPerClient.rate(),
		Tokens: f.TokensPerAddress.rate(), TokensOfClient: f.TokensPerClient.rate(),
		Exempt: f.Exempt, Entries: f.Entries,
	}
}

// rate is the limit that is meant: a rate of 0 is none, whatever the burst.
func (f fileRate) rate() limit.Rate {
	if f.Rate == 0 {
		return limit.Rate{}
	}
	return limit.Rate{PerSecond: f.Rate, Burst: f.Burst}
}

func (c *checker) limits() {
	f := c.file.Limits
	c.config.Limits = f.limits()
	for _, l := range []struct {
		path string
		rate fileRate
	}{
		{"limits.starts_per_address", f.StartsPerAddress},
		{"limits.starts_per_client", f.StartsPerClient},
		{"limits.failures_per_address", f.FailuresPerAddress},
		{"limits.failures_per_client", f.FailuresPerClient},
		{"limits.tokens_per_address", f.TokensPerAddress},
		{"limits.tokens_per_client", f.TokensPerClient},
	} {
		if !(l.rate.Rate >= 0 && l.rate.Rate <= limit.MaxRate) {
			c.add(l.path+".rate", "%s.rate must be from 0, which is no limit, to %d a second", l.path, limit.MaxRate)
		}
		if l.rate.Burst < 1 || l.rate.Burst > limit.MaxBurst {
			c.add(l.path+".burst", "%s.burst must be from 1 to %d", l.path, limit.MaxBurst)
		}
	}
	if f.Entries < 100 || f.Entries > limit.MaxEntries {
		c.add("limits.entries", "limits.entries must be from 100 to %d", limit.MaxEntries)
	}
	for i, prefix := range f.Exempt {
		if prefix.IsValid() && prefix.Bits() == 0 {
			c.add(index("limits.exempt", i), "limits.exempt must not name every address: a rate of 0 is no limit")
		}
	}
}
