// The whole window for one part of the page. Everything else can't be reached meanwhile.
export const fillWindow = (element, isOn) => {
  element.classList.toggle("md-editor--full", isOn);
  document.documentElement.classList.toggle("has-full-editor", isOn);
  for (let here = element; here !== document.body; here = here.parentElement) {
    for (const other of here.parentElement.children) {
      if (other !== here) other.inert = isOn;
    }
  }
};
