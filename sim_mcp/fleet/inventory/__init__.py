"""The whole fleet as of a moment, kept so that counting and searching ask emnify nothing."""
