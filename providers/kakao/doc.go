// Package kakao is Kakao Login: OpenID Connect with Kakao's own error codes and
// a profile endpoint that alone says whether an e-mail address was checked.
//
// It owns the endpoints, the KOE and kapi codes and the shape of /v2/user/me.
// It leaves to the operator which consent items the app has in Kakao's console:
// a scope that is not enabled there fails with KOE205. OpenID Connect is off for
// a new app and must be switched on.
//
// A healthy token endpoint refuses a code that nobody gave with invalid_grant
// and KOE320. Data and logins stand on hosts of their own (kapi, kauth), which
// fail apart.
package kakao
