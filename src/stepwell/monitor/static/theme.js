// Before anything is painted: the colours that were chosen, else those of the system.
const chosen = localStorage.getItem('stepwell-theme')
if (chosen) document.documentElement.dataset.theme = chosen
