// The interactive reference of the site. Requests go to a mock on the reader's machine: start it with --cors.
'use strict';

window.Scalar.createApiReference('#reference', {
  url: 'openapi.json',
  servers: [{ url: 'http://127.0.0.1:4010', description: 'A mock on your machine: octopusx-video-mock --cors' }],
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
