/** What an endpoint's name is, in words. */
export const NAME_FORM = "must be 1 to 63 of lowercase letters, digits and `-`, a letter or digit first";
