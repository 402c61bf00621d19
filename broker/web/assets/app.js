// Small comforts for pages that work without any of this.

const word = document.getElementById("word")
const net = document.getElementById("net")

// The support code, to the clipboard.
for (const button of document.querySelectorAll("[data-copy]")) {
	button.hidden = !navigator.clipboard
	button.addEventListener("click", async () => {
		try {
			await navigator.clipboard.writeText(button.dataset.copy)
		} catch {
			getSelection().selectAllChildren(document.getElementById("support-code"))
			return
		}
		word.textContent = word.dataset.copied
		button.classList.add("copied")
		setTimeout(() => {
			word.textContent = ""
			button.classList.remove("copied")
		}, 2000)
	})
}

// A press that takes longer than a second shows that it was felt. Nothing is
// disabled: whoever presses again starts again.
let waiting
function calm() {
	clearTimeout(waiting)
	word.textContent = ""
	for (const pressed of document.querySelectorAll(".busy")) pressed.classList.remove("busy")
}
function press(control) {
	calm()
	waiting = setTimeout(() => {
		control.classList.add("busy")
		word.textContent = word.dataset.connecting
	}, 1000)
}
document.addEventListener("click", (event) => {
	const control = event.target.closest(".way, a.button")
	if (control && !event.defaultPrevented && !(event.ctrlKey || event.metaKey || event.shiftKey)) press(control)
})
// The second half of a double click is no second press: it would post the form
// again, and lose the answer to the first.
document.addEventListener("click", (event) => {
	if (event.detail > 1 && event.target.closest("form button")) event.preventDefault()
})
document.addEventListener("submit", (event) => {
	if (event.submitter?.matches(".button")) press(event.submitter)
})

// When our own site does not answer any more, the page says so and shows the
// addresses at which the login goes on. Only the site itself is asked, ever more
// seldom and for a bounded number of times.
const gone = document.getElementById("gone")
let heard = performance.now() // when it last answered
let silent = 0 // how often it did not since then
async function answers() {
	try {
		const { status } = await fetch("/status.json", { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(4000) })
		silent = status < 500 ? 0 : silent + 1
	} catch {
		silent++
	}
	if (!silent) heard = performance.now()
	return !silent
}
function tell() {
	const away = silent > 0 && navigator.onLine
	const other = document.getElementById("other-address")
	;(away ? gone : other).append(document.querySelector("#gone form, #other-address form"))
	other.hidden = away
	gone.hidden = !away
	if (away) {
		calm()
		gone.scrollIntoView({ block: "nearest" })
	}
}
if (gone) {
	let asked = 0
	const listen = async () => {
		if (document.visibilityState === "visible" && ++asked && ((await answers()) || silent > 1)) tell()
		if (asked < 20) setTimeout(listen, (silent ? 2000 * 2 ** Math.min(silent, 5) : 10000 * Math.min(asked + 1, 6)) * (0.8 + Math.random() * 0.4))
	}
	setTimeout(listen, 8000)
	// Whoever presses something is not sent into nothing: the site is asked first,
	// unless it was heard just now. Pressing again goes there all the same.
	const first = (event, control, go) => {
		if (event.defaultPrevented || performance.now() - heard < 2000 || control.dataset.asked) return
		event.preventDefault()
		answers().then((yes) => {
			control.dataset.asked = 1
			tell()
			if (yes) go()
			setTimeout(() => delete control.dataset.asked, 5000)
		})
	}
	document.addEventListener("click", (event) => {
		const a = event.target.closest("a[href]")
		if (a && a.origin === location.origin && !(event.ctrlKey || event.metaKey || event.shiftKey)) first(event, a, () => location.assign(a.href))
	})
	document.addEventListener("submit", (event) => {
		const { target, submitter } = event
		if (target.method === "post") first(event, target, () => target.requestSubmit(submitter)) // the others lead away
	})
}

// The answer to a website that takes it by form: sent once, whoever comes back
// to the page presses the button.
const answer = document.querySelector("form[data-send]")
if (answer && performance.getEntriesByType("navigation")[0]?.type !== "back_forward") answer.submit()

// Back may bring a page from memory that the server would draw differently by
// now. Only pages that came by GET may be loaded again.
addEventListener("pageshow", (event) => {
	if (!event.persisted) return
	calm()
	if ("fresh" in document.body.dataset) location.reload()
})

function connection() {
	net.textContent = navigator.onLine ? "" : net.dataset.offline
	if (!navigator.onLine) calm()
}
addEventListener("online", connection)
addEventListener("offline", connection)
connection()

// A minute before the login times out the page offers to go on.
const idle = Number(document.body.dataset.idle)
if (idle) {
	setTimeout(() => {
		document.getElementById("ending").hidden = false
	}, (idle - 60) * 1000)
}

// A way that was down says in its own row when it works again. The list stays
// as it is while somebody reads it. What failed in this login alone was never
// seen down here, and is not announced.
const rows = [...document.querySelectorAll("[data-again]")]
let looks = 40
async function watch() {
	if (document.visibilityState === "visible") {
		try {
			const { providers } = await (await fetch("/status.json")).json()
			for (const row of rows) {
				const up = providers.find((p) => p.id === row.dataset.provider)?.state === "up"
				if (up && row.dataset.seen) row.textContent = row.dataset.again
				if (!up) row.dataset.seen = "1"
			}
		} catch {
			// The next look may succeed.
		}
	}
	if (--looks && rows.some((row) => !row.textContent)) setTimeout(watch, 20000 + Math.random() * 20000)
}
if (rows.length) setTimeout(watch, 2000)

// The status page tells its age, and says so when it is an old copy. While
// somebody looks at it, it is loaded again once there is something to load.
const made = document.getElementById("made")
if (made) {
	const verdict = document.getElementById("verdict")
	const told = new Intl.RelativeTimeFormat(document.documentElement.lang)
	let skew = 0 // what this device's clock is behind, once that matters
	const seconds = () => Math.max(0, Math.round((Date.now() + skew - Date.parse(made.dateTime)) / 1000))
	const age = () => {
		made.textContent = seconds() < 90 ? told.format(-seconds(), "second") : told.format(-Math.round(seconds() / 60), "minute")
	}
	const grow = async () => {
		if (seconds() > 180 && !skew) {
			try {
				const { headers } = await fetch(location.href, { method: "HEAD", cache: "no-store" })
				skew = Date.parse(headers.get("date")) + 1000 * Number(headers.get("age")) - Date.now() || 1
			} catch {
				// Nobody tells the time: this device's clock has to do.
			}
		}
		age()
		if (seconds() > 180) {
			document.body.classList.add("stale")
			verdict.textContent = `${verdict.dataset.stale} (${made.textContent})`
		}
	}
	grow()
	setInterval(grow, 5000)
	setInterval(async () => {
		if (document.visibilityState !== "visible") return
		try {
			if ((await fetch(location.href)).ok) location.reload()
		} catch {
			// The last copy stays, and grows old.
		}
	}, 60000)
}
