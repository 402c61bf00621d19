// Package cookie names, sets and reads the broker's cookies.
//
// It owns their names and attributes and nothing of what is in them: over https
// always __Host-, Secure, HttpOnly, SameSite=Lax, Path=/; over http on loopback
// named after the port, because browsers share cookies between ports. One cookie
// may belong to several hosts, __Secure- and with a domain: the mark by which all
// sites know a browser. No cookie is ever SameSite=None.
package cookie
