// What the reader has chosen.
const state = {
  version: (data.versions.find((one) => one.id === data.shipped) || data.versions[0]).id,
  set: (data.sets.find((one) => one.id === "unseen_speakers") || data.sets[0]).id,
  threshold: null,
};
