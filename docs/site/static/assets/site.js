// What scrolls can be reached with the keyboard (WCAG 2.2, 2.1.1). The theme wraps tables after the page has loaded.
function reach() {
  for (const place of document.querySelectorAll('.md-typeset__scrollwrap:not([tabindex])')) {
    place.tabIndex = 0;
    place.role = 'region';
    place.ariaLabel = 'Table';
  }
}

reach();
new MutationObserver(reach).observe(document.body, { childList: true, subtree: true });
