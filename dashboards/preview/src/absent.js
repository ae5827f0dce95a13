// In the place of what the preview does without.
export default null;
