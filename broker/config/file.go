package config

import (
	"net/netip"
	"time"
)

// file is the configuration as it is written. Its yaml tags are the only list
// of keys: the decoder, the environment and the documentation test read them.
//
// A secret has a field X and XFile, and where a key management service may
// hold it XCommand; at most one of them is set.
type file struct {
	Issuer         string         `yaml:"issuer"`
	Site           string         `yaml:"site"`
	Node           string         `yaml:"node"`
	Sites          []fileSite     `yaml:"sites"`
	BrowserMark    fileMark       `yaml:"browser_mark"`
	Passkeys       filePasskeys   `yaml:"passkeys"`
	Listen         string         `yaml:"listen"`
	Admin          string         `yaml:"admin"`
	TLS            *fileTLS       `yaml:"tls"`
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	Store          fileStore      `yaml:"store"`
	DataDir        string         `yaml:"data_dir"`

	SiteKey           string   `yaml:"site_key"`
	SiteKeyFile       string   `yaml:"site_key_file"`
	SiteKeyCommand    []string `yaml:"site_key_command"`
	ClusterKey        string   `yaml:"cluster_key"`
	ClusterKeyFile    string   `yaml:"cluster_key_file"`
	ClusterKeyCommand []string `yaml:"cluster_key_command"`

	Keys      fileKeys       `yaml:"keys"`
	Sessions  fileSessions   `yaml:"sessions"`
	Contact   fileContact    `yaml:"contact"`
	Drain     fileDrain      `yaml:"drain"`
	Snapshot  fileSnapshot   `yaml:"snapshot"`
	Providers []fileProvider `yaml:"providers"`
	Clients   []fileClient   `yaml:"clients"`
	Resources []fileResource `yaml:"resources"`
	Outbound  fileOutbound   `yaml:"outbound"`
	Gossip    *fileGossip    `yaml:"gossip"`
	Peers     *filePeers     `yaml:"peers"`
	Operators []fileOperator `yaml:"operators"`
	Health    fileHealth     `yaml:"health"`
	Languages fileLanguages  `yaml:"languages"`
	Limits    fileLimits     `yaml:"limits"`
	Log       fileLog        `yaml:"log"`
}

type fileSite struct {
	Name       string   `yaml:"name"`
	Origin     string   `yaml:"origin"`
	Identities []string `yaml:"identities"`
}

type fileMark struct {
	Domain string `yaml:"domain"`
}

type filePasskeys struct {
	RPID string `yaml:"rp_id"`
}

type fileGossip struct {
	Listen      string         `yaml:"listen"`
	Advertise   string         `yaml:"advertise"`
	Label       string         `yaml:"label"`
	Seeds       []string       `yaml:"seeds"`
	Allow       []netip.Prefix `yaml:"allow"`
	Keys        string         `yaml:"keys"`
	KeysFile    string         `yaml:"keys_file"`
	KeysCommand []string       `yaml:"keys_command"`
}

type filePeers struct {
	Listen    string `yaml:"listen"`
	Advertise string `yaml:"advertise"`
}

type fileOperator struct {
	Name          string   `yaml:"name"`
	Secret        string   `yaml:"secret"`
	SecretFile    string   `yaml:"secret_file"`
	SecretCommand []string `yaml:"secret_command"`
	SecretHashes  []string `yaml:"secret_hashes"`
}

type fileHealth struct {
	Canaries []string `yaml:"canaries"`
	Probes   bool     `yaml:"probes"`
}

type fileTLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

type fileStore struct {
	Driver     string `yaml:"driver"`
	Migrate    string `yaml:"migrate"`
	Path       string `yaml:"path"`
	Writer     string `yaml:"writer"`
	WriterFile string `yaml:"writer_file"`
	Reader     string `yaml:"reader"`
	ReaderFile string `yaml:"reader_file"`
}

type fileKeys struct {
	ActiveFor     time.Duration `yaml:"active_for"`
	PublishWindow time.Duration `yaml:"publish_window"`
	RetireFor     time.Duration `yaml:"retire_for"`
}

type fileSessions struct {
	Idle     time.Duration `yaml:"idle"`
	Lifetime time.Duration `yaml:"lifetime"`

	OutageCeiling time.Duration `yaml:"outage_ceiling"`
}

type fileSnapshot struct {
	MaxAge time.Duration `yaml:"max_age"`
}

type fileContact struct {
	StaleAfter time.Duration `yaml:"stale_after"`
}

type fileDrain struct {
	Wait   time.Duration `yaml:"wait"`
	Finish time.Duration `yaml:"finish"`
}

type fileProvider struct {
	ID                  string            `yaml:"id"`
	Kind                string            `yaml:"kind"`
	Name                string            `yaml:"name"`
	ClientID            string            `yaml:"client_id"`
	ClientSecret        string            `yaml:"client_secret"`
	ClientSecretFile    string            `yaml:"client_secret_file"`
	ClientSecretCommand []string          `yaml:"client_secret_command"`
	Issuer              string            `yaml:"issuer"`
	Endpoints           map[string]string `yaml:"endpoints"`
	Scopes              []string          `yaml:"scopes"`
	Timeout             time.Duration     `yaml:"timeout"`
	Reauth              string            `yaml:"reauth"`
	OnlyFor             []string          `yaml:"only_for"`
	Domains             []string          `yaml:"domains"`
	Ceiling             float64           `yaml:"ceiling"`
	Probes              []string          `yaml:"probes"`
	Audiences           []string          `yaml:"audiences"`
	Algorithms          []string          `yaml:"algorithms"`
	AuthMethod          string            `yaml:"auth_method"`
	PKCE                string            `yaml:"pkce"`
	Claims              map[string]string `yaml:"claims"`
	TokenInfo           string            `yaml:"token_info"`
	AppID               string            `yaml:"app_id"`
	APIVersion          string            `yaml:"api_version"`
	APIVersionEnds      string            `yaml:"api_version_ends"`
	TeamID              string            `yaml:"team_id"`
	KeyID               string            `yaml:"key_id"`
	PrivateKey          string            `yaml:"private_key"`
	PrivateKeyFile      string            `yaml:"private_key_file"`
	PrivateKeyCommand   []string          `yaml:"private_key_command"`
}

type fileClient struct {
	ID                     string            `yaml:"id"`
	Name                   string            `yaml:"name"`
	Names                  map[string]string `yaml:"names"`
	Secret                 string            `yaml:"secret"`
	SecretFile             string            `yaml:"secret_file"`
	SecretCommand          []string          `yaml:"secret_command"`
	SecretHashes           []string          `yaml:"secret_hashes"`
	Public                 bool              `yaml:"public"`
	Native                 bool              `yaml:"native"`
	FirstParty             bool              `yaml:"first_party"`
	PKCE                   string            `yaml:"pkce"`
	AuthMethod             string            `yaml:"auth_method"`
	JWKS                   string            `yaml:"jwks"`
	JWKSFile               string            `yaml:"jwks_file"`
	JWKSURI                string            `yaml:"jwks_uri"`
	AssertionAudience      string            `yaml:"assertion_audience"`
	RedirectURIs           []string          `yaml:"redirect_uris"`
	PostLogoutRedirectURIs []string          `yaml:"post_logout_redirect_uris"`
	BackchannelLogoutURI   string            `yaml:"backchannel_logout_uri"`
	BackchannelSID         bool              `yaml:"backchannel_logout_session_required"`
	GrantTypes             []string          `yaml:"grant_types"`
	Subject                string            `yaml:"subject"`
	SectorIdentifier       string            `yaml:"sector_identifier"`
	IDTokenAlg             string            `yaml:"id_token_signed_response_alg"`
	MinACR                 string            `yaml:"min_acr"`
	Providers              []string          `yaml:"providers"`
	Stale                  string            `yaml:"stale"`
	WriterGone             string            `yaml:"writer_gone"`
	Continuation           bool              `yaml:"continuation"`
	OptionalScopes         []string          `yaml:"optional_scopes"`
	Language               string            `yaml:"language"`
	ClientURI              string            `yaml:"client_uri"`
	InitiateLoginURI       string            `yaml:"initiate_login_uri"`
	LogoURI                string            `yaml:"logo_uri"`
	PolicyURI              string            `yaml:"policy_uri"`
	TermsURI               string            `yaml:"terms_uri"`
}

type fileResource struct {
	ID          string   `yaml:"id"`
	Name        string   `yaml:"name"`
	Scopes      []string `yaml:"scopes"`
	Clients     []string `yaml:"clients"`
	Introspects []string `yaml:"introspects"`
	SigningAlg  string   `yaml:"signing_alg"`
}

type fileOutbound struct {
	Allow     []netip.Prefix `yaml:"allow"`
	AllowHTTP bool           `yaml:"allow_http"`
}

type fileLanguages struct {
	OrderWays bool   `yaml:"order_ways"`
	Default   string `yaml:"default"`
}

type fileLimits struct {
	StartsPerAddress   fileRate       `yaml:"starts_per_address"`
	StartsPerClient    fileRate       `yaml:"starts_per_client"`
	FailuresPerAddress fileRate       `yaml:"failures_per_address"`
	FailuresPerClient  fileRate       `yaml:"failures_per_client"`
	TokensPerAddress   fileRate       `yaml:"tokens_per_address"`
	TokensPerClient    fileRate       `yaml:"tokens_per_client"`
	Exempt             []netip.Prefix `yaml:"exempt"`
	Entries            int            `yaml:"entries"`
}

type fileRate struct {
	Rate  float64 `yaml:"rate"`
	Burst int     `yaml:"burst"`
}

type fileLog struct {
	Level string `yaml:"level"`
}
