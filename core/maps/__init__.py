"""What maps say beside each other: shares of image and text, agreement of two, difference of two, common scales.

A map is one score for every position of an answer's sequence, as an `Explanation` holds it. Scores are numbers of
one method and mean nothing in another's units; so whatever compares two methods here uses ranks or shares.
"""
