package config

import "time"

// The defaults of every optional setting, in one place. A setting that is not
// here is required, or empty unless set; deploy/bongsu.example.yaml shows the
// same values and a test compares the two.
const (
	defaultListen  = "127.0.0.1:8080"
	defaultDriver  = "sqlite"
	migrateAuto    = "auto"
	migrateManual  = "manual"
	defaultDataDir = "/var/lib/bongsu"
	defaultPath    = "bongsu.db" // in the data directory

	defaultActiveFor     = 90 * 24 * time.Hour
	defaultPublishWindow = 48 * time.Hour
	defaultRetireFor     = 7 * 24 * time.Hour

	defaultGossip = "0.0.0.0:7946"
	defaultLabel  = "bongsu"
	defaultPeers  = "0.0.0.0:7947"

	defaultIdle     = 12 * time.Hour
	defaultLifetime = 7 * 24 * time.Hour

	defaultFinish = 10 * time.Second // of requests under way

	defaultSnapshotAge = 7 * 24 * time.Hour // the sealing ring's youngest key goes on for as long

	defaultTimeout = 4 * time.Second // of a provider's answer

	defaultLanguage = "ko"
	defaultLevel    = "info"
)

// defaults is a file in which every optional setting has its default. Those
// of providers, which depend on the kind, and of sections that may be missing
// are filled in by their check, and so is node: the name of the machine.
func defaults() file {
	return file{
		Listen:    defaultListen,
		Store:     fileStore{Driver: defaultDriver, Migrate: migrateAuto},
		DataDir:   defaultDataDir,
		Keys:      fileKeys{ActiveFor: defaultActiveFor, PublishWindow: defaultPublishWindow, RetireFor: defaultRetireFor},
		Sessions:  fileSessions{Idle: defaultIdle, Lifetime: defaultLifetime},
		Health:    fileHealth{Probes: true},
		Contact:   fileContact{StaleAfter: DefaultStaleAfter},
		Drain:     fileDrain{Finish: defaultFinish},
		Snapshot:  fileSnapshot{MaxAge: defaultSnapshotAge},
		Limits:    defaultLimits(),
		Languages: fileLanguages{Default: defaultLanguage},
		Log:       fileLog{Level: defaultLevel},
	}
}
