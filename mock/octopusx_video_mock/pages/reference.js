// The reference of the API, in the mock and on the site of the documentation. The element of this script says which
// contract is shown, and which server gets the requests: the one that has the page, unless it names another.
'use strict';

const { contract, server = window.location.origin, about = 'This mock' } = document.currentScript.dataset;

if (window.Scalar === undefined) {
  const place = document.getElementById('reference');
  place.textContent = 'The bundle of the reference is missing. Install the project with pip. The contract is at ';
  const link = document.createElement('a');
  link.href = link.textContent = '/openapi.yaml';
  place.append(link);
} else {
  window.Scalar.createApiReference('#reference', {
    url: contract,
    servers: [{ url: server, description: about }],
    authentication: { preferredSecurityScheme: null },
    withDefaultFonts: false,
    telemetry: false,
    hideClientButton: true,
    showDeveloperTools: 'never',
    agent: { disabled: true },
    mcp: { disabled: true },
    persistAuth: false,
    // Scalar's own greys are too light to be read well (WCAG 2.2, 1.4.3).
    customCss: `
      .light-mode { --scalar-color-2: #3d3d3d; --scalar-color-3: #595959; --scalar-color-green: #006b4f;
        --scalar-color-blue: #0059a8; --scalar-color-orange: #8a4b00; --scalar-color-red: #a3211b; }
      .dark-mode { --scalar-color-2: #cfcfcf; --scalar-color-3: #b0b0b0; }
    `,
  });
}
