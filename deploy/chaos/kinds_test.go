package chaos

import "time"

// kind is a fault as schedules and the table know it.
type kind struct {
	name     string
	hold     time.Duration // at least; a second is what luck adds
	skews    bool
	promised string // what section 3 of the design says of logins meanwhile
}

// The faults. What happens at each stands in faults.
const (
	brokerKilled   = "a broker is killed"
	brokerFrozen   = "a broker is frozen"
	brokerFull     = "a broker's disk is full"
	brokerSkewed   = "a broker's clock is off"
	siteKilled     = "a site is killed"
	writerSiteDies = "the writer's site is killed"
	writerKilled   = "the writer is killed, another promoted"
	writerReturns  = "the writer is killed and comes back"
	writerFrozen   = "the writer is frozen, another promoted"
	writerFull     = "the writer's disk is full"
	writerCut      = "the writer's site is cut off"
	standbyKilled  = "a site's standby is killed"
	standbyFrozen  = "a site's standby is frozen"
	siteCut        = "a site is cut off for long"
	linkCut        = "two sites cannot reach each other"
	providerCut    = "a site cannot reach a provider"
	allGone        = "every database is gone"
)

// cutHolds is so long that a site is seen to go on for longer than it may: it believes
// for a while that it hears the others, and has three times S from then on.
func cutHolds(stale time.Duration) time.Duration { return recordsExpire + bound*stale }

var kinds = []kind{
	{name: brokerKilled, hold: 3 * time.Second, promised: "all, by the other broker"},
	{name: brokerFrozen, hold: 4 * time.Second, promised: "all, by the other broker"},
	{name: brokerFull, hold: 4 * time.Second, promised: "all but what must be kept on its disk"},
	{name: brokerSkewed, hold: 4 * time.Second, skews: true, promised: "all"},
	{name: siteKilled, hold: 4 * time.Second, promised: "all, at another site"},
	{name: writerSiteDies, hold: 8 * time.Second, promised: "people with an account, at another site"},
	{name: writerKilled, hold: 8 * time.Second, promised: "people with an account"},
	{name: writerReturns, hold: 4 * time.Second, promised: "people with an account"},
	{name: writerFrozen, hold: 8 * time.Second, promised: "people with an account"},
	{name: writerFull, hold: 4 * time.Second, promised: "people with an account"},
	{name: writerCut, hold: 8 * time.Second, promised: "people with an account"},
	{name: standbyKilled, hold: 3 * time.Second, promised: "all, by the writer"},
	{name: standbyFrozen, hold: 4 * time.Second, promised: "all, by the writer"},
	{name: siteCut, promised: "people with an account, there for S"},
	{name: linkCut, hold: 5 * time.Second, promised: "all"},
	{name: providerCut, hold: 5 * time.Second, promised: "all, there by another way or site"},
	{name: allGone, hold: 7 * time.Second, promised: "none but known devices; all others are told to retry"},
}

// promisedOf is what is promised of a fault.
func promisedOf(name string) string {
	for _, k := range kinds {
		if k.name == name {
			return k.promised
		}
	}
	return "all"
}
