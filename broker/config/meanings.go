package config

import "maps"

// meaning is what a key is for. Its name, type, default, bounds and words come
// from where the loader takes them.
type meaning struct {
	says    string // sentences for whoever writes the file
	example string // its value, in YAML on one line
	unset   string // what holds where nothing is written and defaults() says nothing
}

// meanings are all keys of the file, written without indexes. [Schema] and
// [Explain] read them, and a test holds them against the types. A secret's _file
// and _command say what their secret says.
var meanings = together(meaningsOfSite, meaningsOfRunning, meaningsOfProviders, meaningsOfClients)

func together(parts ...map[string]meaning) map[string]meaning {
	all := make(map[string]meaning)
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

var meaningsOfSite = map[string]meaning{
	"issuer": {"What websites know this broker by, and what stands in every token: scheme, host and port alone. It is compared byte for byte and never changes.", "https://login.example.kr", "required"},
	"site":   {"The name of this place. Its keys belong to it: sites have different names.", "seoul", "required"},
	"node":   {"The name of this process: the same after every restart, and different from that of any other node of the site.", "seoul-1", "the name of the machine"},

	"sites":            {"All sites, this one included, the same list everywhere. What a site says is believed if one of its identities has signed it.", "[{name: busan, identities: [ed25519:mFiAMgNHdyuwBzMWvuQKrvSKdG7OLSU_F8YQd6G6nQw]}]", "this site alone"},
	"sites.name":       {"The name of a site.", "busan", "required"},
	"sites.origin":     {"Where people reach this site and no other: an issuer of its own, so to say. A login goes on there when another site cannot go on with it. All sites have one or none has, and each has its callback at every provider.", "https://busan.login.example.kr", "none: the site is reached by the issuer alone"},
	"sites.identities": {"What the site's news is verified with, as bongsu keys identity show prints it; two while the site changes from one to the other.", "[ed25519:mFiAMgNHdyuwBzMWvuQKrvSKdG7OLSU_F8YQd6G6nQw]", "none, which this site alone may have"},

	"browser_mark":        {"How a browser is known at all sites: what a login that goes on at another site is bound to.", "{domain: login.example.kr}", "each host knows browsers for itself, and no login goes on at another site"},
	"browser_mark.domain": {"A domain that the issuer and the origins of all sites are, or stand below, and nothing else does: whoever is below it can set the mark.", "login.example.kr", "each host knows browsers for itself, and no login goes on at another site"},
	"passkeys":            {"What passkeys will belong to.", "{rp_id: login.example.kr}", "not decided"},
	"passkeys.rp_id":      {"The domain that passkeys will be bound to: the issuer and the origins of all sites are it, or stand below it. It is kept in the database and never changes: every passkey made for one is lost with it.", "login.example.kr", "not decided"},

	"listen":          {"Where the public listener answers.", ":8443", ""},
	"admin":           {"Where probes, metrics and operators are answered: never a public address.", "127.0.0.1:9090", "there is no such listener"},
	"tls":             {"The certificate, where Bongsu ends TLS itself.", "{cert_file: tls/login.crt, key_file: tls/login.key}", "plain http, on loopback or behind trusted_proxies"},
	"tls.cert_file":   {"The certificate and its chain, in PEM; read again when it changes.", "tls/login.crt", "required"},
	"tls.key_file":    {"The private key of the certificate, in PEM; read again when it changes.", "tls/login.key", "required"},
	"trusted_proxies": {"The proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.", "[127.0.0.1, 10.0.0.0/8]", "none"},

	"store":         {"The database: SQLite for one machine, PostgreSQL 15 or later for several.", "{driver: sqlite}", ""},
	"store.driver":  {"Which database it is.", "postgres", ""},
	"store.migrate": {"Who brings the tables up to date: a node when it starts, as long as that only adds to them (auto), or bongsu migrate alone (manual).", "manual", ""},
	"store.path":    {"The file of SQLite.", "/var/lib/bongsu/bongsu.db", "bongsu.db in data_dir"},
	"store.writer":  {"The connection string of PostgreSQL, all hosts, read-write.", "postgres://bongsu@db1,db2/bongsu?target_session_attrs=read-write", "required with the driver postgres"},
	"store.reader":  {"The connection string of this site's replica; other sites' may stand behind it.", "postgres://bongsu@db2,db1/bongsu", "the writer is read"},
	"data_dir":      {"What this node must remember alone, such as logouts that the database does not know yet, and which of its codes were used while no writer was known. It is never copied to another node. Made with mode 0700.", "/var/lib/bongsu", ""},

	"site_key":    {"The secret that wraps this site's signing keys: 32 random bytes in base64, as bongsu init writes it. Losing it loses the keys.", "…", "required"},
	"cluster_key": {"The secret that wraps what all sites share: 32 random bytes in base64, the same at every site, as bongsu init writes it.", "…", "required"},

	"keys":                {"How signing keys change: each is published before it signs, signs, and verifies on until its last token has expired.", "{active_for: 90d}", ""},
	"keys.active_for":     {"How long a key signs.", "90d", ""},
	"keys.publish_window": {"How long a key is published before it signs: as long as websites may keep an old list.", "2d", ""},
	"keys.retire_for":     {"How long a key that signs no more is published.", "7d", ""},

	"sessions":                {"How long a browser stays logged in here.", "{idle: 8h}", ""},
	"sessions.idle":           {"How long a session lives without a login.", "12h", ""},
	"sessions.lifetime":       {"How long a session lives at most.", "7d", ""},
	"sessions.outage_ceiling": {"How much longer a session may live while an operator has declared the outage of the provider that it began with; with lifetime at most 14d.", "2d", ""},

	"gossip":           {"How nodes tell each other what they see of the providers.", "{keys_file: secrets/gossip.key, seeds: [busan-1.example.kr:7946]}", "a node believes its own eyes alone"},
	"gossip.listen":    {"Where this node hears the others, by UDP and TCP; begins with an address.", "0.0.0.0:7946", defaultGossip},
	"gossip.advertise": {"Where the others reach this node.", "seoul-1.example.kr:7946", "the address listened on"},
	"gossip.label":     {"The name of this deployment: packets of another are dropped.", "bongsu", defaultLabel},
	"gossip.seeds":     {"Nodes that are asked for the others, as host:port or a service in DNS; two of every site are enough.", "[busan-1.example.kr:7946, srv:_bongsu._udp.example.kr]", "none"},
	"gossip.allow":     {"Where nodes may be.", "[10.0.0.0/8]", "loopback and private addresses"},
	"gossip.keys":      {"What nodes encrypt with: one to three keys of 32 random bytes in base64, one a line, the same at every node. The first encrypts, all decrypt. A new one goes last at every node, then first at every node, then alone.", "…", "required"},

	"peers":           {"How nodes ask each other things, by TLS with certificates that the sites' identities sign: what no longer holds while the database takes no writes, and codes of other nodes. Needs gossip.", "{listen: 0.0.0.0:7947}", "nodes ask each other nothing"},
	"peers.listen":    {"Where this node is asked, by TCP; begins with an address.", "0.0.0.0:7947", defaultPeers},
	"peers.advertise": {"Where the others ask this node.", "seoul-1.example.kr:7947", "the address listened on; where that is every address, the one of gossip"},
}

var meaningsOfRunning = map[string]meaning{
	"operators":               {"Who may give orders on the admin listener.", "[{name: ops, secret_file: secrets/operator.secret}]", "nobody"},
	"operators.name":          {"What the audit log calls them.", "ops", "required"},
	"operators.secret":        {"What they prove themselves with: at least 32 random characters, as bongsu operator secret makes it.", "…", "required, or secret_hashes"},
	"operators.secret_hashes": {"The SHA-256 of secrets, so that the file holds none. Two may live while a secret changes.", "[\"sha256:4b0a3c1b4fd1be4b37d42dbdbb8b1a0d0f5b9ac1f4d24ec5f8e2b0a0a6f1d7c2\"]", "required, or secret"},

	"outbound":            {"Which private addresses our own requests may reach. Everything private is closed unless named.", "{allow: [10.20.0.0/16]}", ""},
	"outbound.allow":      {"The private addresses that are opened, such as a provider of the company.", "[10.20.0.0/16]", "none"},
	"outbound.allow_http": {"Whether plain http to loopback is open, for trials with an issuer on loopback.", "true", ""},

	"health":          {"How this site finds out about the providers.", "{canaries: [https://www.example.com/]}", ""},
	"health.canaries": {"Pages of others, at most 8, that tell \"we are cut off\" from \"they are down\" when several providers fail at once.", "[https://www.example.com/, https://www.example.org/]", "none"},
	"health.probes":   {"Whether providers are asked without a person.", "false", ""},

	"languages":            {"What pages speak when nobody says.", "{default: en}", ""},
	"languages.default":    {"The language of pages when neither request, website nor browser says.", "ko", ""},
	"languages.order_ways": {"Whether the menu's order is the one usual in the person's language.", "true", ""},

	"contact":             {"How this node goes on when the other sites and the database's writer are out of reach.", "{stale_after: 60s}", ""},
	"contact.stale_after": {"How old what this site's replica knows may be while neither the writer nor more than half of the sites is in contact: until then people with an account log in by it.", "60s", ""},
	"snapshot":            {"What this node keeps of the database under data_dir, so that it can start while none answers.", "{max_age: 7d}", ""},
	"snapshot.max_age":    {"How old that may be. What is older is refused: too much may have happened since.", "7d", ""},
	"drain":               {"How this node stops when it is told to.", "{wait: 10s}", ""},
	"drain.wait":          {"How long it serves on while /readyz answers 503, so that a load balancer sends people elsewhere.", "10s", ""},
	"drain.finish":        {"How long what is under way may take after that.", "10s", ""},

	"limits":                      {"How often this node may be asked. Who comes too often is answered 429 with Retry-After.", "{starts_per_address: {rate: 50, burst: 1000}}", ""},
	"limits.starts_per_address":   {"Logins begun by one address: one of IPv4, or a /64 of IPv6.", "{rate: 50, burst: 1000}", ""},
	"limits.starts_per_client":    {"Logins begun for one website.", "{rate: 1000, burst: 5000}", ""},
	"limits.failures_per_address": {"Wrong client secrets from one address.", "{rate: 2, burst: 150}", ""},
	"limits.failures_per_client":  {"Wrong client secrets from one address for one client.", "{rate: 1, burst: 60}", ""},
	"limits.tokens_per_address":   {"Token requests of clients without a secret, from one address.", "{rate: 50, burst: 1000}", ""},
	"limits.tokens_per_client":    {"Token requests of one client that has proved itself.", "{rate: 2000, burst: 5000}", ""},
	"limits.exempt":               {"Who is never made to wait, such as a load test.", "[10.1.2.0/24]", "nobody"},
	"limits.entries":              {"How many addresses or clients are remembered for each limit, of 384 bytes at most each.", "20000", ""},

	"log":       {"How much is logged.", "{level: debug}", ""},
	"log.level": {"The least important lines that are logged.", "info", ""},
}

// rateMeanings are the two keys of every limit.
var rateMeanings = map[string]meaning{
	"rate":  {"How often in a second, sustained; 0 is no limit.", "50", ""},
	"burst": {"How often at once.", "1000", ""},
}
