// A plain link: what begins a login is no page, and must not be fetched ahead.
export default function Page() {
  return <a id="login" href="/login">로그인</a>
}
