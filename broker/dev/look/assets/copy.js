// Copy buttons: hidden where there is no script or no clipboard.
for (const button of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      return;
    }
    const status = button.nextElementSibling;
    if (status) status.textContent = button.dataset.copied;
    setTimeout(() => { if (status) status.textContent = ''; }, 2000);
  });
}
