package probe

import (
	"hash/fnv"
	"slices"
	"time"
)

// InTurn returns an [Options.Turn] by which the sites take turns at each
// provider, different ones at the same time as far as there are enough. Sites
// returns those that take part, own included, in any order; while they disagree
// a turn may be taken twice or not at all.
func InTurn(own string, sites func() []string) func(provider string, now time.Time) bool {
	return func(provider string, now time.Time) bool {
		all := slices.Clone(sites())
		slices.Sort(all)
		all = slices.Compact(all)
		i := slices.Index(all, own)
		if i < 0 {
			return len(all) == 0
		}
		hash := fnv.New32a()
		hash.Write([]byte(provider))
		turn := uint64(now.UnixNano()/int64(DeepEvery)) + uint64(hash.Sum32())
		return turn%uint64(len(all)) == uint64(i)
	}
}
