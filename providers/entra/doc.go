// Package entra is Microsoft Entra ID, for one tenant, for every organization, for
// personal accounts, or for all of them.
//
// It owns the endpoints, the rule of the issuer, the codes and the subject. An ID
// token names the issuer of its own tenant; it must be the one that its claim tid
// makes, and the tenant must be of the class that was configured: the keys of
// organizations and of personal accounts overlap, so a signature alone tells
// neither apart. A subject is unique within its issuer only, so who came is tid
// and sub together.
//
// An address is whatever an administrator typed, and changes. It is verified only
// if the optional claim xms_edov says that its domain is the tenant's own; nothing
// else vouches for it, and no profile is asked beyond the ID token.
//
// Codes are judged by their AADSTS number first: a transient error comes as 400,
// too. A code that nobody gave is malformed there: a healthy token endpoint
// refuses it with invalid_grant, most likely by AADSTS9002313 or AADSTS70000;
// which of them was not confirmed.
package entra
