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
