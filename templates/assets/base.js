// The path below which a proxy or the configuration has put the app, without a slash at its end; mostly
// nothing. Addresses in pages have it already.

export const base = document.documentElement.dataset.base.replace(/\/$/, "");

/** The path of an address as it is within the app. */
export function within(pathname) {
  return base && pathname.startsWith(`${base}/`) ? pathname.slice(base.length) : pathname;
}
