package admin

import "time"

// Account is an account, as operators see it. What is known of the person is
// masked unless they asked for it, which is audited.
type Account struct {
	ID        string    `json:"id"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"` // when an attribute last changed
	// DeletedAt is when it was deleted: then it is disabled, and nothing else is
	// known of it. Zero: it was not.
	DeletedAt time.Time `json:"deleted_at,omitzero"`
	// OpenedDuring are the providers that were down when the account was opened.
	OpenedDuring string `json:"opened_during,omitempty"`

	Name          string `json:"name,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"email_verified,omitempty"`
	Phone         string `json:"phone,omitempty"`
	PhoneVerified bool   `json:"phone_verified,omitempty"`
	Locale        string `json:"locale,omitempty"`
	Revealed      bool   `json:"revealed"` // nothing is masked

	Links    []Link    `json:"links"`
	Subjects []Subject `json:"subjects,omitempty"` // by which the clients that were asked about know it
}

// Link is a way in.
type Link struct {
	Provider  string    `json:"provider"`
	Subject   string    `json:"subject"` // the provider's; masked unless revealed
	CreatedAt time.Time `json:"created_at"`
}

// Subject is what a client knows an account by.
type Subject struct {
	Client string `json:"client"`
	Sub    string `json:"sub"`
}

// Session is what is known of a browser that is signed in: what websites were
// given while it was. One that never led to a website is not known.
type Session struct {
	SID      string    `json:"sid"`
	Provider string    `json:"provider"`
	ACR      string    `json:"acr"`
	AuthTime time.Time `json:"auth_time"` // when the person last proved themselves
	UsedAt   time.Time `json:"used_at"`   // when a website was last given something
	Clients  []string  `json:"clients"`
	Ended    bool      `json:"ended"`
}

// PersonOrder is what is said with an order about an account or a session.
type PersonOrder struct {
	Reason string `json:"reason,omitempty"`
}

// AccountDone is the answer to an order about an account or a session. It holds
// at this node when the answer is given, and the websites are told.
type AccountDone struct {
	Account  string `json:"account,omitempty"`
	SID      string `json:"sid,omitempty"`
	Recorded bool   `json:"recorded"` // the store has it, so that every site obeys within 5 s
}
