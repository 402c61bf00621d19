// Package client holds the registered websites: what each of them may ask for,
// where its logins may lead, and how it proves itself.
//
// It decides three things and takes none of them lightly: which registrations
// are safe at all ([Client.Validate], every problem at once), which redirect
// URIs are a client's own (exact comparison of strings; the port of a native
// app's loopback address is the only thing that may differ), and whether a
// secret is right (constant time). It parses no requests, stores nothing and
// escapes nothing: names are shown by pages, which escape them.
package client
