/** Makes an element; text goes in as text, never as markup. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string>>,
  children: readonly (Node | string)[] = [],
): HTMLElement {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

/** A button that does something. */
export function button(
  label: string,
  onClick: () => void,
  attributes: Readonly<Record<string, string>> = {},
): HTMLElement {
  const made = element('button', { type: 'button', class: 'secondary', ...attributes }, [label]);
  made.addEventListener('click', onClick);
  return made;
}

/**
 * The element the user stands on. None while the page does not have the focus: giving it back would take it from the
 * editor, and close what the user is asked there.
 */
export function focusedElement(): Element | null {
  return document.hasFocus() ? document.activeElement : null;
}
